# SPDX-License-Identifier: MIT
"""The sections of ci/bench: what is measured, and how much of it. Each takes a Bench (bench.py)."""

import os
import re

from bench_drivers import Team, ask_once
from bench_figures import (ODD, OURS, PATTERNS, PEER, SIZES, show_at, show_pattern,
                           show_table, text)
from common import ROOT, Failure, have, run, say
import bench_programs
import bench_trace

# Pairs a round; fifo and rand measure at least their population.
PAIRS = {"hot": 400000, "bulk32": 400000, "fifo": 1, "rand": 1, "churn": 200000, "pc": 200000}
KINDS = {OURS, PEER}
ALONE = ("shared", "inline", "lto")


def population(size):
    return 20000 if size >= 4096 else 100000


def patterns_of(bench, section, patterns, sizes, drivers, rounds=None):
    options = bench.options
    for pattern in patterns:
        for size in sizes:
            live = 100 if options.smoke else population(size)
            pairs = max(1, options.operations or
                        (640 if options.smoke else bench.less(PAIRS[pattern])))
            bench.measure(section, pattern, size, drivers, pairs, live, rounds=rounds)
        show_pattern(bench.figures, section, pattern, sizes)


def speed(bench):
    """hot, bulk32, fifo, rand, churn and pc at powers of two."""
    sizes = bench.sizes(SIZES, (16, 64, 1024))
    if sizes:
        patterns_of(bench, "speed", bench.options.pattern or PATTERNS, sizes,
                    bench.take(KINDS, ("dpdk", "boost", "floor")))


def odd(bench):
    """The same at sizes that are no power of two."""
    sizes = bench.sizes(ODD, (24, 1032))
    patterns = bench.options.pattern or (("hot", "churn") if bench.options.quick else PATTERNS)
    if sizes:
        patterns_of(bench, "odd", patterns, sizes, bench.take(KINDS, ("dpdk", "boost", "floor")),
                    min(bench.options.rounds, 5))


def zero(bench):
    """Zeroed objects: kmem_cache_zalloc() and kzalloc() against calloc()."""
    sizes = bench.sizes(SIZES, SIZES)
    for size in sizes:
        bench.measure("zero", "zero", size, bench.take(KINDS), bench.less(200000), 1)
    if sizes:
        show_pattern(bench.figures, "zero", "zero", sizes)


def check(bench):
    """The hot pair with and without the check on free."""
    names = [name for form in ALONE for name in (form, form + "-no-check")]
    sizes = bench.sizes(SIZES, SIZES)
    for size in sizes:
        bench.measure("check", "hot", size, bench.take((), names), bench.less(400000), 1)
    show_table("hot with and without the check on free: nanoseconds a pair", ["", *sizes],
               [(name, *(text(bench.figures.median("check", "hot", size, name), 2)
                         for size in sizes)) for name in bench.figures.drivers("check", "hot")])


def threads(bench):
    """1, 2, 4, 8 and 16 threads of churn over 1,000 objects each."""
    counts = (1, 2, 4, 8, 16)
    for size in (64,) if bench.options.quick else (64, 1024):
        for count in counts:
            bench.measure("threads", "threads", size, bench.take(KINDS, ("dpdk",)),
                          bench.less(3200000), 1000, at=count, threads=count)
        show_at(bench.figures, "threads", "threads", size, counts,
                f"threads of churn, {size} bytes: nanoseconds over all pairs", " thr.")


def live(bench):
    """A pair's cost at 1,000 to 10 million live objects that nobody touches."""
    counts = (1000, 10000, 100000, 1000000, 10000000)[:4 if bench.options.quick else 5]
    for pattern in ("steady", "fill"):
        for count in counts:
            bench.measure("live", pattern, 64, bench.take((), ALONE + ("kmalloc",)),
                          bench.less(1000000) if pattern == "steady" else
                          max(count, 100000), count, at=count,
                          rounds=min(bench.options.rounds, 5))
        show_at(bench.figures, "live", pattern, 64, counts,
                f"{pattern}, 64 bytes, untouched: nanoseconds a pair by live objects")


def caches(bench):
    """An object of a random cache among 1 to 4,096."""
    counts = (1, 64, 4096)
    for count in counts:
        bench.measure("caches", "caches", 64, bench.take((), ALONE + ("boost",)),
                      bench.less(200000), count, at=count)
    show_at(bench.figures, "caches", "caches", 64, counts,
            "an object of a random cache, 64 bytes: nanoseconds a pair by caches")


def create(bench):
    """Making a cache, using some objects, destroying it."""
    counts = (1, 100)
    for count in counts:
        bench.measure("create", "create", 64, bench.take((), ALONE + ("boost",)),
                      bench.less(2000), count, at=count)
    show_at(bench.figures, "create", "create", 64, counts,
            "a cache's creation, objects of it, its destruction: nanoseconds", " objects")


def mempool(bench):
    """mempool_alloc() and mempool_free() over a cache that serves, and over one that does not."""
    names = ("shared", "mempool", "mempool-failing")
    for size in (64, 1024):
        bench.measure("mempool", "hot", size, bench.take((), names), bench.less(400000), 1)
        bench.measure("mempool", "lock", size, bench.take((), names[:1]), bench.less(400000), 1)
    figures = bench.figures
    show_table("mempool: nanoseconds a pair", ["", 64, 1024],
               [(word, *(text(figures.median("mempool", pattern, size, name), 2)
                         for size in (64, 1024)))
                for word, pattern, name in (
                    ("kmem_cache, the backend", "hot", "shared"),
                    ("mempool over it", "hot", "mempool"),
                    ("mempool, the backend fails", "hot", "mempool-failing"),
                    ("a lock's round trip", "lock", "shared"))])


def traces(bench):
    """Recordings of real programs, replayed: those of corpus/, and fresh ones, which are longer."""
    made = list(bench_trace.from_corpus(bench))
    if not bench.options.quick:
        made += bench_trace.fresh(bench)
    drivers = [driver for driver in bench.drivers
               if driver.name in ("kmalloc", "kmalloc-lto") or driver.program_name() == "malloc"]
    for name, path in made:
        bench.measure("traces", name, 0, bench.among(drivers), bench.less(100000), 1, path=path)
    rows = []
    names = [name for name, _ in made]
    for driver in [d.name for d in bench.among(drivers)]:
        rows.append((driver, *(text(bench.figures.median("traces", name, 0, driver))
                               for name in names)))
    show_table("recorded calls, replayed: nanoseconds an allocation", ["", *names], rows)


def memory(bench):
    """What is resident, to what lives: each figure from a process of its own."""
    sizes = bench.sizes(SIZES + ODD, (64, 1000))
    states = ("filled", "churned", "freed", "shrunk")
    wanted = (8 if bench.options.quick else 32) << 20
    for size in sizes:
        count = wanted // size
        for driver in bench.take(KINDS, ("boost",)):
            answer = ask_once(driver, "memory", size, count)
            if answer[0] == "skip":
                continue
            start, *held = map(int, answer[1:])
            for state, value in zip(states, held):
                least = count * size if state in ("filled", "churned") else 1
                bench.figures.add("memory", state, size, 0, driver.name, 1,
                                  (value - start) / least, "ratio" if least > 1 else "bytes")
    for state, scale, digits, title in (
            ("filled", 1, 3, "resident to live bytes, after filling"),
            ("churned", 1, 3, "resident to live bytes, after churn"),
            ("freed", 1024, 0, "resident above the start after freeing all, in KiB"),
            ("shrunk", 1024, 0, "the same, and after shrinking, in KiB")):
        show_table(title, ["", *sizes],
                   [(name, *(text(bench.figures.median("memory", state, size, name) / scale,
                                  digits) for size in sizes))
                    for name in bench.figures.drivers("memory", state)])


def documented():
    """The defaults of depot_kib, retain_kib, retain_ms and idle_kib, from the public header."""
    with open(os.path.join(ROOT, "src", "include", "slabpool", "slabpool.h")) as file:
        header = file.read()
    found = {}
    for name in ("depot_kib", "retain_kib", "retain_ms", "idle_kib"):
        match = re.search(rf"X\(unsigned int, {name}, (\d+),", header)
        if not match:
            raise Failure(f"slabpool.h has no option {name}")
        found[name] = int(match.group(1))
    return found


def retain(bench):
    """What stays after free without shrink, at once and when retain_ms is over twice."""
    limits = documented()
    count_bytes = 512 << 20
    seconds = limits["retain_ms"] // 1000 + 2
    if bench.options.quick:
        say(f"\nretain: takes {4 * seconds} s, not with --quick")
        return
    rows = []
    for driver in bench.take((), ("shared",), always=False):
        for size in (64, 1024):
            start, filled, kept, later = map(int, ask_once(
                driver, "retain", size, count_bytes // size, seconds)[1:])
            # What describes the objects is not what the options limit.
            beside = filled - start - count_bytes
            for state, value in (
                    ("kept", kept - start), ("kept later", later - start),
                    ("documented kept",
                     (limits["depot_kib"] + limits["retain_kib"] + limits["idle_kib"]) * 1024 +
                     beside),
                    ("documented kept later", limits["idle_kib"] * 1024 + beside)):
                bench.figures.add("retain", state, size, 0, driver.name, 1, value, "bytes")
                rows.append((f"{driver.name}, {size} bytes: {state}", f"{value / 1048576:.1f}"))
    show_table(f"kept after freeing {count_bytes >> 20} MiB without shrink, in MiB", ["", "MiB"],
               rows)


def soak(bench):
    """One thread allocates, another frees, for ten minutes: memory does not grow."""
    seconds = bench.options.soak
    for driver in bench.take((), ("shared",), always=False):
        say(f"\nsoak: {seconds} s of a producer and a consumer ...")
        start, early, late = map(int, ask_once(driver, "soak", 64, seconds,
                                               timeout=seconds + 60)[1:])
        for state, value in (("seconds", seconds), ("early", early - start),
                             ("late", late - start)):
            bench.figures.add("soak", state, 64, 0, driver.name, 1, value,
                              "s" if state == "seconds" else "bytes")
        say(f"soak: held at most {(early - start) / 1048576:.1f} MiB in the first fifth, "
            f"{(late - start) / 1048576:.1f} MiB in the last")


def instructions(bench):
    """Instructions of a hot pair by callgrind: those inside the library's functions; where there
    is no call, those of the pattern itself taken off."""
    if not have("valgrind"):
        say("\ninstructions: skipped: valgrind is not installed (ci/setup --bench)")
        return
    names = ALONE + ("shared-no-check", "inline-no-check", "lto-no-check", "kmalloc",
                     "kmalloc-lto", "mempool", "glibc", "mimalloc", "jemalloc", "tcmalloc")
    if bench.options.quick:
        names = ALONE
    empty = next(driver for driver in bench.drivers if driver.name == "empty")
    loop = count(empty)
    rows = []
    for driver in bench.take((), names, always=False):
        inside = INSIDE.get(driver.name)
        value = count(driver, inside) if inside else count(driver) - loop
        bench.figures.add("instructions", "hot", 64, 0, driver.name, 1, value, "instructions")
        rows.append((driver.name, text(value)))
    show_table("instructions of a hot pair, 64 bytes", ["", "instructions"], rows)


# Functions whose instructions are a pair's, calls and argument passing being the driver's.
INSIDE = {"shared": ("kmem_cache_alloc", "kmem_cache_free"),
          "shared-no-check": ("kmem_cache_alloc", "kmem_cache_free"),
          "kmalloc": ("kmalloc", "kfree")}


def count(driver, inside=()):
    """Instructions a pair: those of 3,000 pairs more, so that what comes once is not in it."""
    totals = []
    for pairs in (2000, 5000):
        status, output = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                              *(f"--toggle-collect={name}" for name in inside),
                              *driver.command("run", "hot", 64, pairs, 1, 1)],
                             env=driver.env(), timeout=600)
        match = re.search(r"Collected : (\d+)", output)
        if status or not match:
            raise Failure(f"valgrind on {driver.name}: status {status}:\n{output[-1000:]}")
        totals.append(int(match.group(1)))
    return (totals[1] - totals[0]) / 3000


def programs(bench):
    """sqlite3, gcc, python3 and jq over several mallocs."""
    bench_programs.measure(bench)


SECTIONS = {function.__name__: function for function in (
    speed, odd, zero, check, threads, live, caches, create, mempool, traces, memory, retain,
    instructions, programs, soak)}
