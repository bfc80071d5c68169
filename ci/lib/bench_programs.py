# SPDX-License-Identifier: MIT
"""Real programs over several mallocs, for ci/bench: processor time and largest resident size."""

import os
import sys

from bench_figures import show_table, text
from common import ROOT, Failure, have, run, say

sys.path.append(os.path.join(ROOT, "src", "tools"))
import programs  # noqa: E402

PYTHON = """
import collections, json, re
table = collections.defaultdict(list)
for i in range({rows}):
    table[str(i * 7919 % 977)].append((i, 'x' * (i % 300)))
text = json.dumps(table, sort_keys=True)
again = json.loads(text)
nodes = [dict(name=str(i), parts=[j for j in range(i % 20)]) for i in range({rows})]
nodes.sort(key=lambda node: node['name'])
print(len(text), len(again), len(re.findall('x+', text)), nodes[0])
"""


def preload(bench):
    path = os.path.join(bench.where, "src", "tools", "libslabpool-preload.so")
    if not os.access(path, os.R_OK):
        raise Failure(f"there is no {path}")
    return path


def commands(bench, small=False):
    """(name, command) of each program that is installed; its input is written to bench.scratch."""
    scratch, scale = bench.scratch(""), 1 if small else 10
    programs.write(scratch, "in.sql", programs.sqlite3_sql(5000 * scale))
    programs.write(scratch, "in.c", programs.c_text(20 * scale))
    programs.write(scratch, "in.py", PYTHON.format(rows=8000 * scale))
    programs.write(scratch, "in.json", programs.json_text(5000 * scale))
    for name, command in (
            ("sqlite3", ["sqlite3", ":memory:", ".read in.sql"]),
            ("gcc", ["gcc", "-c", "-O2", "in.c", "-o", "in.o"]),
            ("python3", ["/usr/bin/python3", "-I", "in.py"]),
            ("jq", ["jq", "group_by(.word) | map({w: .[0].word, n: length, s: (map(.f) | add)})",
                    "in.json"])):
        if have(command[0]):
            yield name, command
        else:
            say(f"{name}: skipped: not installed (ci/setup)")


def once(bench, library, command):
    """(processor seconds, largest resident MiB) of one run."""
    tool = os.path.join(bench.where, "src", "bench", "bench-timed")
    status, output = run([tool, library or "-", *command], cwd=bench.scratch(""), timeout=600)
    words = output.split()
    if status or words[:1] != ["ok"] or words[3] != "0":
        raise Failure(f"{command[0]} over {library or 'glibc'} failed: {output.strip()}")
    return int(words[1]) / 1e6, int(words[2]) / 1024


def measure(bench):
    mallocs = {"glibc": None, "preload": preload(bench)}
    mallocs.update((driver.name, driver.preload) for driver in bench.drivers
                   if driver.name == "mimalloc")
    found = list(commands(bench, small=bench.options.quick))
    rounds = 2 if bench.options.quick else 7
    for name, command in found:
        for number in range(rounds):
            order = list(mallocs)
            turn = number % len(order)
            for malloc in order[turn:] + order[:turn]:
                seconds, mib = once(bench, mallocs[malloc], command)
                bench.figures.add("programs", f"{name} time", 0, 0, malloc, number + 1, seconds,
                                  "s")
                bench.figures.add("programs", f"{name} memory", 0, 0, malloc, number + 1, mib,
                                  "MiB")
    for pattern, title in (("time", "programs: processor time in seconds"),
                           ("memory", "programs: largest resident size in MiB")):
        show_table(title, ["", *(name for name, _ in found)],
                   [(malloc, *(text(bench.figures.median("programs", f"{name} {pattern}", 0,
                                                         malloc), 3 if pattern == "time" else 1)
                               for name, _ in found)) for malloc in mallocs])
