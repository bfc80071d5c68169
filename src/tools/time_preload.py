#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times real programs with and without a preload library: one line each, ratio of medians.

The runs alternate, so that a busy machine slows both alike. User and system time are those of the
program and all that it starts.
"""
import argparse
import os
import resource
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import programs  # noqa: E402


def measure(program, size, library):
    """Wall time and processor time of one run of the program's work, in seconds."""
    with tempfile.TemporaryDirectory() as directory:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        programs.run(program, size, directory, {'LD_PRELOAD': library} if library else {})
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    names = [p.name for p in programs.PROGRAMS]
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('library', help='libslabpool-preload.so')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--size', choices=('small', 'large'), default='large')
    parser.add_argument('--program', action='append', choices=names, help='only this one')
    options = parser.parse_args()
    if not os.access(options.library, os.R_OK):
        parser.error(f"there is no library '{options.library}': build it with 'ninja'")
    if options.runs < 1:
        parser.error('--runs must be 1 or more')
    library = os.path.abspath(options.library)
    for program in programs.PROGRAMS:
        if program.name not in (options.program or names):
            continue
        if not program.find():
            print(f'{program.name:8} not installed')
            continue
        plain, other = [], []
        for _ in range(options.runs):
            plain.append(measure(program, options.size, None))
            other.append(measure(program, options.size, library))
        wall = [statistics.median(run[0] for run in runs) for runs in (plain, other)]
        cpu = [statistics.median(run[1] for run in runs) for runs in (plain, other)]
        print(f'{program.name:8} wall {wall[1] / wall[0]:.3f} ({wall[1]:.2f} s / {wall[0]:.2f} s)'
              f'  processor {cpu[1] / cpu[0]:.3f} ({cpu[1]:.2f} s / {cpu[0]:.2f} s)')
        sys.stdout.flush()
    return 0


if __name__ == '__main__':
    sys.exit(main())
