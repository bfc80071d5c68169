#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Records real programs and makes corpus entries of the recordings.

Each program does a small piece of work under the preload library with SLABPOOL_OPTIONS=record=FILE;
its longest recording is cut to size by slabpool-trace and becomes corpus/kmalloc/record-PROGRAM.
Programs that are linked to slabpool become entries of the targets that have operations for what
they call.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import programs  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, '..', '..', 'corpus')


# Programs linked to slabpool, below the build directory, and their targets.
LINKED = [
    ('my_cache', 'src/examples/my_cache', ['kmem_cache']),
    ('inode_cache', 'src/kernel/test/face_inode_cache', ['kmem_cache']),
    ('rcu_objects', 'src/kernel/test/face_rcu_objects', ['kmem_cache']),
    ('bio_pool', 'src/kernel/test/face_bio_pool', ['kmem_cache', 'mempool']),
]


class Failed(Exception):
    """Something that was asked for could not be made; the message says what."""


def longest(folder):
    """The recording with most events, by size; zeros of killed processes are cut by the tool."""
    files = glob.glob(os.path.join(folder, 'r*'))
    if not files:
        raise Failed('nothing was recorded: is this libslabpool-preload.so?')
    return max(files, key=lambda name: (os.path.getsize(name), name))


def convert(options, recording, target, name):
    entry = os.path.join(options.corpus, target, 'record-' + name)
    os.makedirs(os.path.dirname(entry), exist_ok=True)
    done = subprocess.run([options.trace, '--from-recording', recording, '--target', target,
                           '--limit', str(options.bytes), '--output', entry],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f'{name}: slabpool-trace failed: {done.stderr.strip()}')
    size = os.path.getsize(entry)
    if not 0 < size <= options.bytes:
        raise Failed(f'{name}: the entry has {size} bytes')
    print(f'{os.path.relpath(entry)}: {size} bytes of a recording of '
          f'{os.path.getsize(recording)}')


def record_program(options, program):
    """Records each command into a file of its own; those that it starts record beside it."""
    with tempfile.TemporaryDirectory() as top:
        work, records = os.path.join(top, 'work'), os.path.join(top, 'records')
        os.mkdir(work)
        os.mkdir(records)
        programs.run(program, 'small', work, {
            'LD_PRELOAD': os.path.abspath(options.library),
            'SLABPOOL_OPTIONS': f'record={records}/r%n'})
        convert(options, longest(records), 'kmalloc', program.name)


def record_linked(options, name, path, targets):
    path = os.path.join(options.build, path)
    if not os.access(path, os.X_OK):
        raise Failed(f"{name}: there is no '{path}': build it first, or say --build")
    with tempfile.TemporaryDirectory() as records:
        done = subprocess.run([path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False,
                              env=dict(os.environ, SLABPOOL_OPTIONS=f'record={records}/r'))
        if done.returncode != 0:
            raise Failed(f'{name}: exit status {done.returncode}')
        for target in targets:
            convert(options, longest(records), target, name)


def parse():
    names = [p.name for p in programs.PROGRAMS] + [row[0] for row in LINKED]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='build', help='build directory (default: build)')
    parser.add_argument('--library', help='libslabpool-preload.so, if not in the build directory')
    parser.add_argument('--trace', help='slabpool-trace, if not in the build directory')
    parser.add_argument('--corpus', default=os.path.normpath(CORPUS))
    parser.add_argument('--bytes', type=int, default=4096, help='largest entry (default: 4096)')
    parser.add_argument('--program', action='append', choices=names, help='only this one')
    options = parser.parse_args()
    options.program = options.program or names
    options.library = options.library or f'{options.build}/src/tools/libslabpool-preload.so'
    options.trace = options.trace or f'{options.build}/src/tools/slabpool-trace'
    for file in options.library, options.trace:
        if not os.access(file, os.R_OK):
            parser.error(f"there is no '{file}': build it first, or say --build")
    return options


def main():
    options = parse()
    failed = 0
    work = [(record_program, (program,)) for program in programs.PROGRAMS
            if program.name in options.program]
    work += [(record_linked, row) for row in LINKED if row[0] in options.program]
    for function, arguments in work:
        try:
            if function is record_program and not arguments[0].find():
                raise Failed(f'{arguments[0].name}: {arguments[0].binary} is not installed')
            function(options, *arguments)
        except Failed as error:
            print(f'record_corpus.py: {error}', file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
