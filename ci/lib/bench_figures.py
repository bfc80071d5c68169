# SPDX-License-Identifier: MIT
"""The figures of a run of ci/bench: rows, medians, ratios, tables, files."""

import csv
import json
import math
import os
import shutil
import statistics
import sys

from common import relative, say, table

SIZES = (16, 32, 64, 256, 1024, 8192)
ODD = (24, 72, 200, 1000, 1032, 4104)
PATTERNS = ("hot", "bulk32", "fifo", "rand", "churn", "pc")
OURS, PEER, OTHER = "slabpool", "peer", "other"
FIELDS = ("section", "pattern", "size", "at", "driver", "round", "value", "unit")


def mean(values):
    """The geometric mean; nan of nothing."""
    values = list(values)
    if not values or min(values) <= 0:
        return math.nan
    return math.exp(sum(map(math.log, values)) / len(values))


def spread(values):
    """Half the distance of the quartiles, to the median; nan of fewer than three."""
    if len(values) < 3:
        return math.nan
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle if middle else math.nan


class Figures:
    """All rounds of a run. at is what is varied beside the size: threads, live objects, caches."""

    def __init__(self, kinds=None):
        self.rows = []
        self.kinds = kinds or {}   # driver: OURS, PEER or OTHER
        self.groups = {}

    def add(self, section, pattern, size, at, driver, number, value, unit):
        self.rows.append((section, pattern, size, at, driver, number, value, unit))
        self.groups.setdefault((section, pattern, size, at, driver), []).append(value)

    def rounds(self, section, pattern, size, driver, at=0):
        return self.groups.get((section, pattern, size, at, driver), [])

    def median(self, section, pattern, size, driver, at=0):
        values = self.rounds(section, pattern, size, driver, at)
        return statistics.median(values) if values else math.nan

    def drivers(self, section, pattern):
        """Those with a figure, in the order of kinds."""
        with_figure = {key[4] for key in self.groups if key[:2] == (section, pattern)}
        order = list(self.kinds) + sorted(with_figure - set(self.kinds))
        return [name for name in order if name in with_figure]

    def best_peer(self, section, pattern, size, at=0):
        """(value, name) of the fastest growable, thread-safe peer; (nan, "-") without one."""
        found = [(self.median(section, pattern, size, name, at), name)
                 for name, kind in self.kinds.items() if kind == PEER]
        return min((f for f in found if f[0] == f[0]), default=(math.nan, "-"))

    def ratio(self, section, pattern, sizes, driver, other, at=0):
        """Geometric mean over the sizes of driver to other, a driver or a function of the size;
        nan unless all sizes were measured."""
        def base(size):
            return other(size) if callable(other) else self.median(section, pattern, size, other,
                                                                   at)
        ratios = [self.median(section, pattern, size, driver, at) / base(size) for size in sizes]
        return mean(ratios) if all(r == r for r in ratios) else math.nan


def text(value, digits=1):
    return "-" if value != value else f"{value:.{digits}f}"


def show_table(title, head, rows):
    """A table; by python3-rich on a terminal that is wide enough."""
    plain = table(head, rows, "l" + "r" * (len(head) - 1))
    widest = max(map(len, plain.splitlines())) + len(head) + 2
    say()
    if sys.stdout.isatty() and widest <= shutil.get_terminal_size().columns:
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            pass
        else:
            grid = Table(title=title, title_justify="left", min_width=widest)
            for number, name in enumerate(head):
                grid.add_column(str(name), justify="right" if number else "left", no_wrap=True)
            for row in rows:
                grid.add_row(*map(str, row))
            Console().print(grid)
            return
    say(title)
    say(plain)


def show_pattern(figures, section, pattern, sizes):
    """A line a driver: medians, ratios to the best peer and to glibc, the largest spread."""
    rows = []
    for name in figures.drivers(section, pattern):
        middle = [figures.median(section, pattern, size, name) for size in sizes]
        at = [size for size, value in zip(sizes, middle) if value == value]
        scatter = [spread(figures.rounds(section, pattern, size, name)) for size in at]
        known = [s for s in at if figures.best_peer(section, pattern, s)[0] ==
                 figures.best_peer(section, pattern, s)[0]]
        to_best = figures.ratio(section, pattern, known, name,
                                lambda size: figures.best_peer(section, pattern, size)[0])
        rows.append((name, *map(text, middle), text(to_best, 2),
                     text(figures.ratio(section, pattern, at, name, "glibc"), 2),
                     "-" if scatter[0] != scatter[0] else f"{100 * max(scatter):.0f} %"))
    rows.append(("best peer", *(figures.best_peer(section, pattern, size)[1] for size in sizes),
                 "", "", ""))
    show_table(f"{pattern}: nanoseconds a pair by bytes an object, medians",
               ["", *sizes, "to best", "to glibc", "spread"], rows)


def show_at(figures, section, pattern, size, places, title, unit=""):
    """A line a driver, a column for each value of at."""
    rows = [(name, *(text(figures.median(section, pattern, size, name, at)) for at in places))
            for name in figures.drivers(section, pattern)]
    show_table(title, ["", *(f"{at:,}{unit}" for at in places)], rows)


def write_csv(figures, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(figures.rows)
    say(f"all rounds: {relative(path)}")


def rows_of_json(name, rows):
    return f' "{name}": [\n  ' + ",\n  ".join(map(json.dumps, rows)) + "\n ]"


def write_json(figures, verdicts, facts, path):
    """A run as data: what it ran on, medians with quartiles, what is reached."""
    medians = []
    for (section, pattern, size, at, driver), values in figures.groups.items():
        low, middle, high = (statistics.quantiles(values, n=4, method="inclusive")
                             if len(values) > 1 else values * 3)
        medians.append({"section": section, "pattern": pattern, "size": size, "at": at,
                        "driver": driver, "rounds": len(values), "median": round(middle, 4),
                        "quartiles": [round(low, 4), round(high, 4)]})
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        file.write("{\n")
        for name, value in {**facts, "kinds": figures.kinds}.items():
            file.write(f" {json.dumps(name)}: {json.dumps(value)},\n")
        file.write(rows_of_json("figures", medians) + ",\n")
        file.write(rows_of_json("reach", [verdict.as_dict() for verdict in verdicts]) + "\n}\n")
    say(f"the run as data: {relative(path)}")
