# SPDX-License-Identifier: MIT
"""usage: ci/bench [options]

Measures slabpool against other allocators: nanoseconds of an allocation and its free in several
patterns (src/bench/patterns.h tells them). Rounds of all drivers alternate; medians are shown, and
ratios to glibc and to the best growable, thread-safe peer of the same run. Peers come from the
distribution's packages (ci/setup --bench); one that is missing is skipped by name. Sections:

  speed     hot, bulk32, fifo, rand, churn, pc at 16 to 8192 bytes
  odd       the same at sizes that are no power of two

Every round is written to build/report/bench.csv. A benchmark is no test: no figure ever fails
anything.

Exit status: 0 measured, 1 something could not be measured, 2 bad usage."""

import csv
import math
import os
import statistics

import bench_drivers
from bench_drivers import OURS, PEER, Team
from common import BUILD, Results, Usage, main, parser, positive, relative, say, setup, table

SECTIONS = ("speed", "odd")
PATTERNS = ("hot", "bulk32", "fifo", "rand", "churn", "pc")
SIZES = (16, 32, 64, 256, 1024, 8192)
ODD = (24, 72, 200, 1000, 1032, 4104)
# Pairs a round; fifo and rand: at least their population.
PAIRS = {"hot": 400000, "bulk32": 400000, "fifo": 1, "rand": 1, "churn": 200000, "pc": 200000}
# Best peer to glibc where newer peers than the distribution's were measured too.
TO_GLIBC = {"hot": 0.57, "bulk32": 0.21, "fifo": 0.16, "rand": 0.09, "churn": 0.19, "pc": 0.21}
HIDDEN = ("mempool", "mempool-failing", "shared-no-check", "inline-no-check", "lto-no-check",
          "empty", "calls")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--quick", action="store_true", help="less of all, in less than a minute")
    cli.add_argument("--smoke", action="store_true", help="only sees to it that it works")
    cli.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION",
                     help="only this section (repeatable)")
    cli.add_argument("--pattern", action="append", choices=PATTERNS, help="repeatable")
    cli.add_argument("--size", action="append", type=int, choices=sorted(SIZES + ODD),
                     metavar="BYTES", help="repeatable")
    cli.add_argument("--driver", action="append", metavar="NAME",
                     help="only this one; glibc always takes part (repeatable)")
    cli.add_argument("--peer", action="append", metavar="PATH.so",
                     help="another library in malloc's place (repeatable)")
    cli.add_argument("--rounds", type=positive, metavar="N", help="default 9; with --quick 3")
    cli.add_argument("--operations", type=positive, metavar="N",
                     help="pairs a round, instead of each pattern's own")
    cli.add_argument("--compiler", metavar="CC")
    cli.add_argument("--csv", metavar="FILE",
                     default=os.path.join(BUILD, "report", "bench.csv"))
    options = cli.parse_args()
    if options.operations and options.operations < 64:
        raise Usage("--operations: at least 64")
    options.rounds = options.rounds or (3 if options.quick else 9)
    return options


def population(size):
    return 20000 if size >= 4096 else 100000


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []      # section, pattern, size, driver, round, value, unit
        self.drivers, self.skips, self.where = bench_drivers.available(options.compiler,
                                                                       options.peer)
        names = [driver.name for driver in self.drivers]
        for name in options.driver or ():
            if name not in names:
                raise Usage(f"no driver '{name}'; there are: {' '.join(names)}")

    def chosen(self, *hidden):
        """The drivers that take part: all but the hidden ones, or those of --driver."""
        wanted = self.options.driver
        return [driver for driver in self.drivers
                if (driver.name in (*wanted, "glibc") if wanted else driver.name not in hidden)]

    def values(self, section):
        """{(pattern, size): {driver: median}} of a section."""
        groups = {}
        for row in self.rows:
            if row[0] == section:
                groups.setdefault((row[1], row[2]), {}).setdefault(row[3], []).append(row[5])
        return groups

    def speed(self, section, sizes):
        options = self.options
        for pattern in options.pattern or PATTERNS:
            for size in sizes:
                live = 100 if options.smoke else population(size)
                pairs = options.operations or PAIRS[pattern] // (4 if options.quick else 1)
                pairs = 640 if options.smoke else max(1, pairs)
                with Team(self.chosen(*HIDDEN)) as team:
                    for driver, number, value in team.rounds(
                            options.rounds, lambda _: ("run", pattern, size, pairs, live, 1)):
                        self.rows.append((section, pattern, size, driver.name, number, value,
                                          "ns"))
            show_pattern(self, section, pattern, sizes)


def mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def spread(values):
    """Half the distance of the quartiles, to the median."""
    if len(values) < 3:
        return math.nan
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle if middle else math.nan


def show_pattern(bench, section, pattern, sizes):
    """A pattern's table: a line a driver, with ratios to the best peer and to glibc."""
    groups = {size: bench.values(section).get((pattern, size), {}) for size in sizes}
    peers = [driver.name for driver in bench.drivers if driver.kind == PEER]
    middle = {size: {name: statistics.median(v) for name, v in group.items()}
              for size, group in groups.items()}
    best = {size: min((row[name], name) for name in peers if name in row)
            for size, row in middle.items() if any(name in row for name in peers)}
    rows = []
    for driver in bench.drivers:
        at = [size for size in sizes if driver.name in middle[size]]
        if not at:
            continue
        to_best = mean(middle[s][driver.name] / best[s][0] for s in at if s in best)
        to_glibc = mean(middle[s][driver.name] / middle[s]["glibc"] for s in at
                        if "glibc" in middle[s])
        scatter = max(spread(groups[s][driver.name]) for s in at)
        rows.append((driver.name,
                     *(f"{middle[s][driver.name]:.1f}" if s in at else "-" for s in sizes),
                     f"{to_best:.2f}", f"{to_glibc:.2f}", f"{100 * scatter:.0f} %"))
    rows.append(("best peer", *(best[s][1] if s in best else "-" for s in sizes), "", "", ""))
    say()
    say(table([f"{pattern}, ns a pair", *sizes, "to best", "to glibc", "spread"], rows,
              "l" + "r" * (len(sizes) + 3)))


def write_csv(bench):
    path = bench.options.csv
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("section", "pattern", "size", "driver", "round", "value", "unit"))
        writer.writerows(bench.rows)
    say(f"\nall rounds: {relative(path)}")


def smoke(bench):
    """Each driver that takes part has a figure of each pattern and size."""
    results = Results("bench")
    for (pattern, size), group in bench.values("speed").items():
        held = all(v > 0 for values in group.values() for v in values) and \
            {"glibc", "shared"} <= set(group)
        results.check(f"{pattern} {size}", held, "" if held else "no figure")
    return results.close(with_table=False)


def work():
    options = arguments()
    setup("base")
    if options.smoke:
        options.rounds, options.only = 1, ["speed"]
    bench = Bench(options)
    facts = bench_drivers.machine(options.compiler)
    bench_drivers.describe(facts)
    for skip in bench.skips:
        say(f"skipped: {skip}")
    wanted = options.only or SECTIONS
    usual = (16, 64, 1024) if options.quick or options.smoke else SIZES
    if "speed" in wanted:
        bench.speed("speed", [s for s in SIZES if s in (options.size or usual)])
    if "odd" in wanted and not options.quick:
        bench.speed("odd", [s for s in ODD if s in (options.size or ODD)])
    write_csv(bench)
    return smoke(bench) if options.smoke else 0


if __name__ == "__main__":
    main(work)
