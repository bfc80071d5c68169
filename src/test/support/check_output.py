#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a program and compares what it prints with what its source says it prints.

usage: check_output.py [--status N] [--stderr] SOURCE PROGRAM [ARGUMENT...]

SOURCE holds the expected lines in a comment: those behind a line " * Output with ARGUMENTS:" with
just these arguments, or else " * Output:", each as " *<tab>line", up to the first line of another
form. In them {hex} stands for hexadecimal digits, {zeros} for leading zeros, {int} for a number,
{any} for anything; all else is literal. stdout counts, and stderr as well with --stderr. In a cross
build meson says by MESON_EXE_WRAPPER how to run the program.

  --status N   the exit status that the program must have, default 0; "abort" for SIGABRT
  --self-test  check that a wrong line, a missing line and a wrong status are found
"""

import argparse
import difflib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

HOLES = {'{hex}': '[0-9a-f]+', '{zeros}': '0*', '{int}': '-?[0-9]+', '{any}': '.*'}


def expected_lines(text, arguments):
    lines = text.splitlines()
    title = ' * Output with %s:' % ' '.join(arguments)
    if title not in lines:
        title = ' * Output:'
    if title not in lines:
        return None
    found = []
    for line in lines[lines.index(title) + 1:]:
        if not line.startswith(' *\t'):
            break
        found.append(line[3:])
    return found


def matches(line, pattern):
    parts = re.split(r'(\{hex\}|\{zeros\}|\{int\}|\{any\})', pattern)
    return re.fullmatch(''.join(HOLES.get(p, re.escape(p)) for p in parts), line) is not None


def compare(lines, expected):
    """Empty if all lines match, else a readable difference."""
    if len(lines) == len(expected) and all(map(matches, lines, expected)):
        return []
    shown = [e if i < len(lines) and not matches(lines[i], e) or i >= len(lines) else lines[i]
             for i, e in enumerate(expected)]
    return list(difflib.unified_diff(shown, lines, 'expected', 'printed', lineterm=''))


def run(source, command, status, with_stderr):
    with open(source) as file:
        expected = expected_lines(file.read(), command[1:])
    if not expected:
        print('%s: no expected output for these arguments in a comment' % source)
        return 2
    wrapper = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))
    try:
        done = subprocess.run(wrapper + command, stdout=subprocess.PIPE, text=True,
                              errors='replace', stderr=subprocess.STDOUT if with_stderr else None)
    except OSError as error:
        print('%s: cannot run it: %s; build it first' % (command[0], error.strerror))
        return 2
    lines = done.stdout.splitlines()
    if wrapper:
        # What qemu itself says about a program that aborts.
        lines = [line for line in lines if not line.startswith('qemu: uncaught target signal')]
    difference = compare(lines, expected)
    print(done.stdout, end='')
    if difference:
        print('\n'.join(difference))
    if done.returncode != status:
        print('exit status %d, expected %d' % (done.returncode, status))
    return 1 if difference or done.returncode != status else 0


def self_test():
    cases = [
        ('right', 'echo one; echo 0x1f', 0, 0),
        ('a wrong line', 'echo two; echo 0x1f', 0, 1),
        ('a wrong hole', 'echo one; echo 0xzz', 0, 1),
        ('a missing line', 'echo one', 0, 1),
        ('a line too many', 'echo one; echo 0x1f; echo three', 0, 1),
        ('no output', 'true', 0, 1),
        ('a wrong status', 'echo one; echo 0x1f; exit 3', 0, 1),
        ('the status that is expected', 'echo one; echo 0x1f; exit 3', 3, 0),
        ('an end by signal', 'echo one; echo 0x1f; kill -ABRT $$', 0, 1),
        ('no expectation', None, 0, 2),
    ]
    failed = 0
    print('1..%d' % len(cases))
    for number, (what, script, status, result) in enumerate(cases, 1):
        with tempfile.NamedTemporaryFile('w', suffix='.c') as source:
            arguments = ['-c', script or 'true']
            if script:
                source.write('/*\n * Output with %s:\n *\tone\n *\t0x{hex}\n */\n'
                             % ' '.join(arguments))
                source.flush()
            stdout, sys.stdout = sys.stdout, open('/dev/null', 'w')
            good = run(source.name, ['/bin/sh'] + arguments, status, False) == result
            sys.stdout.close()
            sys.stdout = stdout
            failed += not good
            print('%sok %d - %s' % ('' if good else 'not ', number, what))
    return failed != 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    parser.add_argument('--status', default='0')
    parser.add_argument('--stderr', action='store_true')
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('source', nargs='?')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not args.source or not args.command:
        parser.error('SOURCE and PROGRAM are needed')
    status = -signal.SIGABRT if args.status == 'abort' else int(args.status)
    return run(args.source, args.command, status, args.stderr)


if __name__ == '__main__':
    sys.exit(main())
