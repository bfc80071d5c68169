# SPDX-License-Identifier: MIT
"""What slabpool wants to reach, and whether a run of ci/bench shows it."""

import math

from bench_figures import ODD, PATTERNS, SIZES, mean, show_table, text

# Ratio to the best growable, thread-safe peer, geometric mean over SIZES: through the shared
# library, and inline or optimized as one with the program.
BOUNDS = {"hot": (1.10, 0.60), "bulk32": (0.50, 0.40), "fifo": (1.00, 0.70), "rand": (1.00, 0.85),
          "churn": (0.75, 0.75), "pc": (0.60, 0.55)}
# The best peer to glibc, measured where newer peers than a distribution's were there too. A peer
# that is slower than that is no measure.
PEER_TO_GLIBC = {"hot": 0.57, "bulk32": 0.21, "fifo": 0.16, "rand": 0.09, "churn": 0.19,
                 "pc": 0.21}
INLINE_FORMS = ("inline", "lto")
KIB = 1024.0
SOAK_SECONDS = 600


class Verdict:
    """One row: reached only if all of it was measured and is within the bound; in part, if what
    was measured of it is."""

    def __init__(self, row, form, figure, bound, unit="", at_least=False, note="", part=False):
        self.row, self.form, self.figure, self.bound = row, form, figure, bound
        self.unit, self.at_least, self.note, self.part = unit, at_least, note, part

    @property
    def state(self):
        if self.figure != self.figure or self.bound != self.bound:
            return "not measured"
        held = self.figure >= self.bound if self.at_least else self.figure <= self.bound
        return ("reached" if held else "not reached") + (" in part" if self.part else "")

    def cells(self):
        def number(value):
            return "-" if value != value else f"{value:.2f}{self.unit}"
        return (self.row, self.form, number(self.figure),
                ("≥ " if self.at_least else "≤ ") + number(self.bound), self.state,
                self.note if self.figure == self.figure else "")

    def as_dict(self):
        return {"row": self.row, "form": self.form,
                "figure": None if self.figure != self.figure else round(self.figure, 4),
                "bound": None if self.bound != self.bound else round(self.bound, 4),
                "at_least": self.at_least, "unit": self.unit.strip(), "state": self.state,
                "note": self.note}


def to_best(figures, pattern, form, sizes):
    """A form to the best peer of the run, geometric mean over the sizes; where newer peers were
    further below glibc than the best of this run, to as much less than glibc as they were, which
    is known for all sizes together."""
    to_glibc = figures.ratio("speed", pattern, sizes, form, "glibc")
    to_peer = figures.ratio("speed", pattern, sizes, form,
                            lambda size: figures.best_peer("speed", pattern, size)[0])
    if len(sizes) < len(SIZES):
        return to_peer
    return worst((to_peer, to_glibc / PEER_TO_GLIBC[pattern]))


def sizes_of(figures, section, pattern, drivers, sizes=SIZES):
    """The sizes at which all these drivers have a figure, or all sizes if there is none."""
    found = [size for size in sizes
             if all(figures.rounds(section, pattern, size, name) for name in drivers)]
    return found or sizes


def inline_forms(figures):
    return [name for name in INLINE_FORMS if name in figures.kinds] or ["inline"]


def speed(figures):
    for pattern in PATTERNS:
        for form in ("shared", *inline_forms(figures)):
            sizes = sizes_of(figures, "speed", pattern, (form, "glibc"))
            yield Verdict(f"{pattern} to the best peer", form,
                          to_best(figures, pattern, form, sizes),
                          BOUNDS[pattern][form != "shared"],
                          note=text(figures.ratio("speed", pattern, sizes, form, "glibc"), 2) +
                          f" of glibc, {len(sizes)} sizes", part=len(sizes) < len(SIZES))
    for form in inline_forms(figures):
        sizes = sizes_of(figures, "speed", "bulk32", (form, "dpdk"))
        yield Verdict("bulk32 to DPDK", form,
                      figures.ratio("speed", "bulk32", sizes, form, "dpdk"), 1.5,
                      note=f"{len(sizes)} sizes", part=len(sizes) < len(SIZES))


def cost(figures):
    for form in ("shared", *inline_forms(figures)):
        costs = [figures.median("check", "hot", size, form) -
                 figures.median("check", "hot", size, form + "-no-check") for size in SIZES]
        yield Verdict("misuse detection, a hot pair", form, sum(costs) / len(costs), 2.0, " ns")
    for form, bound in (("shared", 44), *((form, 38) for form in inline_forms(figures))):
        yield Verdict("instructions of a hot pair", form,
                      figures.median("instructions", "hot", 64, form), bound)
    yield Verdict("both forms are offered", "inline", float("inline" in figures.kinds), 1.0,
                  at_least=True)


def held(figures, size, driver):
    """The most that is resident after filling and after churn, to what lives."""
    values = [figures.median("memory", state, size, driver) for state in ("filled", "churned")]
    return max(values) if all(v == v for v in values) else math.nan


def worst(values):
    """The largest; nan if one is missing."""
    values = list(values)
    return max(values) if values and all(v == v for v in values) else math.nan


def memory(figures):
    form = "shared"
    powers = [size for size in SIZES if size >= 64]
    yield Verdict("resident to live, powers of two from 64", form,
                  worst(held(figures, size, form) for size in powers), 1.03)
    yield Verdict("resident to live, 16", form, held(figures, 16, form), 1.10)
    yield Verdict("resident to live, odd sizes", form,
                  worst(held(figures, size, form) for size in ODD), 1.15)
    peers = [name for name, kind in figures.kinds.items() if kind == "peer"]

    def to_peer(size):
        known = [held(figures, size, name) for name in peers]
        known = [value for value in known if value == value]
        return held(figures, size, form) / min(known) if known else math.nan
    yield Verdict("resident at the odd sizes, to the best peer", form,
                  worst(to_peer(size) for size in ODD), 1.0, note="the worst size")
    yield Verdict("above the start after free and shrink", form,
                  worst(figures.median("memory", "shrunk", size, form) / KIB
                        for size in SIZES + ODD), 64, " KiB")
    for state, what in (("kept", "kept after free"), ("kept later", "kept after retain_ms")):
        yield Verdict(f"{what}, to what is documented", form,
                      worst(figures.median("retain", state, size, form) /
                            figures.median("retain", "documented " + state, size, form)
                            for size in (64, 1024)), 1.0)
    seconds = figures.median("soak", "seconds", 64, form)
    yield Verdict("growth of a producer and a consumer", form,
                  figures.median("soak", "late", 64, form) /
                  figures.median("soak", "early", 64, form)
                  if seconds >= SOAK_SECONDS else math.nan, 1.02,
                  note=f"{text(seconds, 0)} s, last fifth to first")


def scaling(figures):
    for form in ("shared", *inline_forms(figures)):
        def threads(count):
            return figures.median("threads", "threads", 64, form, count)
        yield Verdict("two threads to one", form, threads(1) / threads(2), 1.9, at_least=True)
        yield Verdict("16 threads to two, time a pair", form, threads(16) / threads(2), 1.1)
        for pattern in ("steady", "fill"):
            values = [figures.median("live", pattern, 64, form, at)
                      for at in (1000, 10000, 100000, 1000000, 10000000)]
            yield Verdict(f"1,000 to 10,000,000 live, {pattern}", form,
                          worst(values) / min(values), 1.2, note="dearest to cheapest")
        yield Verdict("4,096 caches at once", form,
                      float(figures.median("caches", "caches", 64, form, 4096) > 0)
                      if figures.rounds("caches", "caches", 64, form, 4096) else math.nan, 1.0,
                      at_least=True, note="{} ns a pair, {} in one cache".format(
                          *(text(figures.median("caches", "caches", 64, form, count))
                            for count in (4096, 1))))
        yield Verdict("create and destroy a cache", form,
                      figures.median("create", "create", 64, form, 1) / 1000, 2.0, " µs",
                      note="with an object; with 100 {} µs".format(
                          text(figures.median("create", "create", 64, form, 100) / 1000, 2)))


def others(figures):
    for form in ("shared", *inline_forms(figures)):
        yield Verdict("zeroed, to calloc of the best peer", form,
                      figures.ratio("zero", "zero", SIZES, form,
                                    lambda size: figures.best_peer("zero", "zero", size)[0]), 1.0)

    def pool(driver, pattern="hot"):
        return mean(figures.median("mempool", pattern, size, driver) for size in (64, 1024))
    yield Verdict("mempool above its backend", "shared", pool("mempool") - pool("shared"), 3.0,
                  " ns")
    yield Verdict("mempool without its backend, above", "shared",
                  pool("mempool-failing") - pool("mempool"), pool("shared", "lock"), " ns",
                  note="a lock's round trip")
    for program in ("sqlite3", "gcc", "python3", "jq"):
        for pattern, what, bound in (("time", "processor time", 1.0),
                                     ("memory", "largest resident size", 1.1)):
            def to_glibc(driver):
                return figures.median("programs", f"{program} {pattern}", 0, driver) / \
                    figures.median("programs", f"{program} {pattern}", 0, "glibc")
            yield Verdict(f"{program}: {what} to glibc", "preload", to_glibc("preload"), bound,
                          note=f"mimalloc {to_glibc('mimalloc'):.2f}")


def verdicts(figures):
    return [verdict for part in (speed, cost, memory, scaling, others)
            for verdict in part(figures)]


def show(rows):
    show_table("What is to be reached (geometric mean over the sizes unless said)",
               ("row", "form", "figure", "bound", "verdict", "remark"),
               [verdict.cells() for verdict in rows])
