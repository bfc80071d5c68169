#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real programs do the same work with and without the preload library: TAP.

Three tests a program: the library is at work in it (a message about an option that does not exist
shows that), its output and files are the same as without, and, given --starved, a malloc family
that has no memory is noticed, so that the comparison is known to be able to fail.
"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import programs  # noqa: E402


def difference(plain, other):
    """What differs first, in words, or None."""
    for a, b in zip(plain, other):
        for field, x, y in zip(('what', 'status', 'stdout', 'stderr'), a, b):
            if x != y:
                shown = f'{x!r} and {y!r}' if len(repr(x)) + len(repr(y)) < 2000 else 'long output'
                if isinstance(x, bytes) and len(y) < 2000:
                    shown += f'; under the library: {y!r}'
                return f'{a[0]}: {field} differs: {shown}'
    if len(plain) != len(other):
        return f'{len(plain)} results without, {len(other)} with the library'
    return None


def run_in_new_directory(program, size, library):
    extra = {'LD_PRELOAD': library} if library else {}
    with tempfile.TemporaryDirectory() as top:
        directory = os.path.join(top, 'work')
        os.mkdir(directory)
        result = programs.run(program, size, directory, extra)
    return [tuple(f.replace(top.encode(), b'TOP') if isinstance(f, bytes) else f for f in line)
            for line in result]


def is_at_work(program, library):
    env = {'PATH': os.environ.get('PATH', ''), 'LC_ALL': 'C', 'LD_PRELOAD': library,
           'SLABPOOL_OPTIONS': 'no_such_option=1'}
    done = subprocess.run([program.find(), '--version'], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
    said = done.stderr.decode(errors='replace')
    return None if 'no_such_option' in said else f'no message of the library, but: {said!r}'


def differs_when_starved(program, plain, starved):
    other = run_in_new_directory(program, 'small', starved)
    return None if difference(plain, other) else 'the output is the same without any memory'


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def line(self, wrong, text, directive=''):
        self.count += 1
        self.failed += wrong is not None
        print(f'{"ok" if wrong is None else "not ok"} {self.count} - {text}{directive}')
        for part in (wrong or '').splitlines():
            print('#  ', part)
        sys.stdout.flush()


def main():
    names = [p.name for p in programs.PROGRAMS]
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('library', help='libslabpool-preload.so')
    parser.add_argument('--starved', help='a malloc family that has no memory')
    parser.add_argument('--size', choices=('small', 'large'), default='large')
    parser.add_argument('--program', action='append', choices=names, help='only this one')
    options = parser.parse_args()
    for library in options.library, options.starved:
        if library and not os.access(library, os.R_OK):
            parser.error(f"there is no library '{library}': build it with 'ninja'")
    tap = Tap()
    for program in programs.PROGRAMS:
        if options.program and program.name not in options.program:
            continue
        if not program.find():
            tap.line(None, program.name, f' # SKIP {program.binary} is not installed')
            continue
        library = os.path.abspath(options.library)
        tap.line(is_at_work(program, library), f'{program.name} runs on slabpool')
        plain = run_in_new_directory(program, options.size, None)
        tap.line(difference(plain, run_in_new_directory(program, options.size, library)),
                 f'{program.name} gives the same output and files')
        if options.starved:
            plain = run_in_new_directory(program, 'small', None)
            tap.line(differs_when_starved(program, plain, os.path.abspath(options.starved)),
                     f'{program.name} without memory is noticed')
    print(f'1..{tap.count}')
    return 1 if tap.failed or not tap.count else 0


if __name__ == '__main__':
    sys.exit(main())
