# SPDX-License-Identifier: MIT
"""usage: ci/bench [options]

Measures slabpool against other allocators: nanoseconds of an allocation and its free in several
patterns (src/bench/patterns.h tells them), memory, instructions, programs. Rounds of all drivers
alternate; medians are shown, and ratios to glibc and to the best growable, thread-safe peer of the
same run. Peers come from the distribution's packages (ci/setup --bench); one that is missing is
skipped by name. A benchmark is no test: no figure ever fails anything. Sections:

{sections}

Every round is written to build/report/bench.csv, the run as data to bench.json, a plot to
bench.svg. The last table says of each figure that is to be reached whether it is.

Exit status: 0 measured, 1 something could not be measured, 2 bad usage."""

import os
import shutil
import tempfile
import time

import bench_drivers
import bench_figures
import bench_readme
import bench_svg
import bench_verdict
from bench_drivers import Team
from bench_figures import ODD, PATTERNS, SIZES, Figures
from bench_sections import SECTIONS
from common import BUILD, Results, Usage, main, parser, positive, say, setup

REPORT = os.path.join(BUILD, "report")


def described():
    return __doc__.format(sections="\n".join(f"  {name:13} {function.__doc__}"
                                             for name, function in SECTIONS.items()))


def arguments():
    cli = parser(described())
    cli.add_argument("--quick", action="store_true",
                     help="less of all, in about a minute; no soak, no retention")
    cli.add_argument("--smoke", action="store_true", help="only sees to it that it works")
    cli.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION",
                     help="only this section (repeatable)")
    cli.add_argument("--skip", action="append", choices=SECTIONS, metavar="SECTION", default=[],
                     help="without this section (repeatable)")
    cli.add_argument("--pattern", action="append", choices=PATTERNS,
                     help="of speed and odd (repeatable)")
    cli.add_argument("--size", action="append", type=int, choices=sorted(SIZES + ODD),
                     metavar="BYTES", help="of speed, odd, zero, check, memory (repeatable)")
    cli.add_argument("--driver", action="append", metavar="NAME",
                     help="only this one; glibc always takes part (repeatable)")
    cli.add_argument("--peer", action="append", metavar="PATH.so",
                     help="another library in malloc's place (repeatable)")
    cli.add_argument("--options", action="append", metavar="NAME=VALUE[,...]",
                     help="slabpool once more with these SLABPOOL_OPTIONS (repeatable)")
    cli.add_argument("--rounds", type=positive, metavar="N", help="default 9; with --quick 3")
    cli.add_argument("--operations", type=positive, metavar="N",
                     help="pairs a round of speed and odd, instead of each pattern's own")
    cli.add_argument("--soak", type=positive, metavar="SECONDS", default=600,
                     help="how long the section soak takes (default 600)")
    cli.add_argument("--compiler", metavar="CC")
    cli.add_argument("--publish", action="store_true",
                     help="a full run becomes what src/bench/results and the README show")
    cli.add_argument("--csv", metavar="FILE", default=os.path.join(REPORT, "bench.csv"))
    cli.add_argument("--json", metavar="FILE", default=os.path.join(REPORT, "bench.json"))
    cli.add_argument("--svg", metavar="FILE", default=os.path.join(REPORT, "bench.svg"))
    options = cli.parse_args()
    if options.operations and options.operations < 64:
        raise Usage("--operations: at least 64")
    if options.publish:
        if is_part(options) or options.quick or options.smoke or options.options or options.peer:
            raise Usage("--publish: only what a full run measured is shown; leave other options")
        options.json, options.svg = (os.path.join(bench_readme.RESULTS, f"bench.{kind}")
                                     for kind in ("json", "svg"))
    options.rounds = options.rounds or (1 if options.smoke else 3 if options.quick else 9)
    return options


def is_part(options):
    return (options.only or options.skip or options.size or options.pattern or options.driver or
            options.operations)


class Bench:
    """A run: options, drivers, figures."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.drivers, self.skips, self.where = bench_drivers.available(
            options.compiler, options.peer, options.options)
        self.figures = Figures({driver.name: driver.kind for driver in self.drivers})
        names = [driver.name for driver in self.drivers]
        for name in options.driver or ():
            if name not in names:
                raise Usage(f"no driver '{name}'; there are: {' '.join(names)}")

    def scratch(self, name):
        return os.path.join(self.directory, name)

    def less(self, pairs):
        return max(64, pairs // 4) if self.options.quick else pairs

    def sizes(self, usual, quick):
        """Those of the section that --size asks for, or its usual ones."""
        wanted = self.options.size or (quick if self.options.quick or self.options.smoke else usual)
        return [size for size in usual if size in wanted]

    def among(self, drivers, always=True):
        wanted = self.options.driver
        return [driver for driver in drivers if not wanted or driver.name in wanted or
                (always and driver.name == "glibc")]

    def take(self, kinds, names=(), always=True):
        """Drivers of these kinds, and these by name; of them, those of --driver, and glibc."""
        return self.among([driver for driver in self.drivers
                           if driver.kind in kinds or driver.name in names], always)

    def measure(self, section, pattern, size, drivers, pairs, live, at=0, threads=1, path=None,
                rounds=None):
        words = ["run", pattern if not path else "trace", size or 1, pairs, live, threads]
        with Team(drivers) as team:
            for driver, number, value in team.rounds(rounds or self.options.rounds,
                                                     words + ([path] if path else [])):
                self.figures.add(section, pattern, size, at, driver.name, number, value, "ns")


def wanted_sections(options):
    if options.smoke:
        return ["speed"]
    wanted = options.only or list(SECTIONS)
    if options.quick and not options.only:
        wanted.remove("soak")
    return [name for name in SECTIONS if name in wanted and name not in options.skip]


def smoke(figures):
    """Each pattern and size has a figure of ours and one of glibc."""
    results = Results("bench")
    for pattern in PATTERNS:
        for size in (16, 64, 1024):
            held = all(figures.median("speed", pattern, size, name) > 0
                       for name in ("shared", "kmalloc", "glibc"))
            results.check(f"{pattern} {size}", held, "" if held else "no figure")
    return results.close(with_table=False)


def report(bench, facts):
    options, figures = bench.options, bench.figures
    rows = bench_verdict.verdicts(figures)
    if is_part(options):
        rows = [row for row in rows if row.state != "not measured"]
    if rows and not options.smoke:
        bench_verdict.show(rows)
        counts = {}
        for row in rows:
            counts[row.state] = counts.get(row.state, 0) + 1
        say("\n" + ", ".join(f"{number} {state}" for state, number in sorted(counts.items())))
    bench_figures.write_csv(figures, options.csv)
    bench_figures.write_json(figures, rows, facts, options.json)
    sizes = [size for size in SIZES
             if any(key[0] == "speed" and key[2] == size for key in figures.groups)]
    bench_svg.write(figures, sizes, facts, options.svg)


def work():
    options = arguments()
    setup("base")
    begin = time.monotonic()
    os.makedirs(REPORT, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="bench-", dir=REPORT)
    try:
        bench = Bench(options, directory)
        machine = bench_drivers.machine(options.compiler)
        bench_drivers.describe(machine)
        for skip in bench.skips:
            say(f"skipped: {skip}")
        facts = {"machine": machine, "versions": bench_drivers.versions(bench.drivers),
                 "skipped": bench.skips, "rounds": options.rounds, "quick": options.quick,
                 "seconds": {}}
        for name in wanted_sections(options):
            start = time.monotonic()
            SECTIONS[name](bench)
            facts["seconds"][name] = round(time.monotonic() - start, 1)
        report(bench, {**facts, **machine})
        if options.publish:
            bench_readme.publish()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.smoke:
        return smoke(bench.figures)
    say(f"{time.monotonic() - begin:.0f} s for ci/bench")
    return 0


if __name__ == "__main__":
    main(work)
