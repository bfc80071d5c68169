# SPDX-License-Identifier: MIT
"""usage: ci/bench [options]

Measures nanoseconds of an allocation and its free: kmem_cache and kmalloc against the C library's
malloc, in one process, in alternating rounds (src/bench/bench.c tells the patterns). Prints the
median of the rounds and the ratio to malloc, and writes every round to build/report/bench.csv.
A benchmark is no test: the figures never fail anything.

Exit status: 0 measured, 1 the program failed, 2 bad usage."""

import csv
import os
import platform
import statistics

from common import (BUILD, Failure, Results, Usage, build, main, parser, positive, relative, run,
                    say, setup, table)

PATTERNS = ("hot", "lifo", "fifo", "random", "bulk")
SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
OURS = ("kmem_cache", "kmalloc")
PEERS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2.0",
         "tcmalloc": "libtcmalloc_minimal.so.4"}


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--quick", action="store_true", help="hot and fifo, three sizes, fewer rounds")
    cli.add_argument("--smoke", action="store_true", help="only sees to it that it works")
    cli.add_argument("--pattern", action="append", choices=PATTERNS, help="repeatable")
    cli.add_argument("--size", action="append", type=int, choices=SIZES, metavar="BYTES",
                     help=f"one of {' '.join(map(str, SIZES))} (repeatable)")
    cli.add_argument("--rounds", type=positive, default=15, metavar="N")
    cli.add_argument("--operations", type=positive, default=200000, metavar="N",
                     help="pairs a round (default 200000)")
    cli.add_argument("--compiler", metavar="CC")
    cli.add_argument("--peers", action="store_true",
                     help="also other allocators in malloc's place (ci/setup --bench)")
    cli.add_argument("--csv", metavar="FILE",
                     default=os.path.join(BUILD, "report", "bench.csv"))
    return cli.parse_args()


def rounds_of(program, options, allocators=None, preload=None):
    """The rows of one run of the program: (pattern, size, allocator, round, ns)."""
    command = [program, "--rounds", options.rounds, "--operations", options.operations,
               "--patterns", ",".join(options.pattern), "--sizes", ",".join(map(str, options.size))]
    if allocators:
        command += ["--allocators", allocators]
    status, text = run(command, env={"LD_PRELOAD": preload} if preload else None, timeout=3600)
    lines = text.splitlines()
    if status or not lines or lines[0] != "pattern,size,allocator,round,ns":
        raise Failure(f"the benchmark failed with status {status}:\n{text[-2000:]}")
    return [(row["pattern"], int(row["size"]), row["allocator"], int(row["round"]),
             float(row["ns"])) for row in csv.DictReader(lines)]


def peers_of(program, options):
    rows = []
    for name, library in PEERS.items():
        status, text = run(["ldconfig", "-p"])
        path = next((line.split()[-1] for line in text.splitlines() if library in line), None)
        if status or not path:
            say(f"{name}: not installed (ci/setup --bench)")
            continue
        rows += [(p, s, name, r, ns) for p, s, _, r, ns in
                 rounds_of(program, options, "malloc", path)]
    return rows


def medians(rows):
    groups = {}
    for pattern, size, allocator, _, nanoseconds in rows:
        groups.setdefault((pattern, size, allocator), []).append(nanoseconds)
    return {key: statistics.median(values) for key, values in groups.items()}


def show(middle, allocators):
    head = ["pattern", "size", *allocators, *(f"{name}/malloc" for name in OURS)]
    rows = []
    for pattern in PATTERNS:
        for size in SIZES:
            base = middle.get((pattern, size, "malloc"))
            if base is None:
                continue
            cells = [f"{middle[(pattern, size, name)]:.1f}"
                     if (pattern, size, name) in middle else "-" for name in allocators]
            ratios = [f"{middle[(pattern, size, name)] / base:.2f}" for name in OURS]
            rows.append((pattern, size, *cells, *ratios))
    say(table(head, rows, "l" + "r" * (len(head) - 1)))


def work():
    options = arguments()
    if options.quick:
        options.rounds, options.operations = min(options.rounds, 7), min(options.operations, 100000)
        options.pattern = options.pattern or ["hot", "fifo"]
        options.size = options.size or [16, 64, 1024]
    if options.smoke:
        options.rounds, options.operations = 1, 640
    if options.operations < 64:
        raise Usage("--operations: at least 64")
    options.pattern = options.pattern or list(PATTERNS)
    options.size = options.size or list(SIZES)
    setup("base")
    where = build("bench", ["--buildtype=release", "-Dtests=false", "-Dtools=false"],
                  options.compiler)
    program = os.path.join(where, "src", "bench", "bench")
    rows = rounds_of(program, options)
    if options.peers:
        rows += peers_of(program, options)
    os.makedirs(os.path.dirname(os.path.abspath(options.csv)), exist_ok=True)
    with open(options.csv, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("pattern", "size", "allocator", "round", "ns"))
        writer.writerows(rows)
    allocators = [*OURS, "malloc", *(name for name in PEERS if any(r[2] == name for r in rows))]
    say(f"nanoseconds a pair, median of {options.rounds} rounds of {options.operations}; "
        f"{platform.machine()}, {os.cpu_count()} cores")
    middle = medians(rows)
    show(middle, allocators)
    say(f"all rounds: {relative(options.csv)}")
    if not options.smoke:
        return 0
    results = Results("bench")
    for pattern in options.pattern:
        for size in options.size:
            held = all(middle.get((pattern, size, name), 0) > 0 for name in (*OURS, "malloc"))
            results.check(f"{pattern} {size}", held, "" if held else "no figure")
    return results.close(with_table=False)


if __name__ == "__main__":
    main(work)
