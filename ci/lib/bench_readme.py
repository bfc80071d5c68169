# SPDX-License-Identifier: MIT
"""What the README shows of a run of ci/bench: made of the run's data, so that it cannot differ."""

import json
import os
import re

from bench_figures import Figures, PATTERNS, SIZES
from common import ROOT, Failure

BEGIN = "<!-- ci/bench --publish writes from here -->"
END = "<!-- to here -->"
RESULTS = os.path.join(ROOT, "src", "bench", "results")
README = os.path.join(ROOT, "README.md")
WORDS = {"hot": "allocate, write, free", "bulk32": "32 and 32 by the bulk calls",
         "fifo": "100,000 live, freed in order", "rand": "100,000 live, freed shuffled",
         "churn": "100,000 live, replaced at random",
         "pc": "one thread allocates, another frees"}
FORMS = ("shared", "inline")


def read(path):
    """(the medians of a run as Figures, all of its data)"""
    with open(path) as file:
        data = json.load(file)
    figures = Figures(data["kinds"])
    for row in data["figures"]:
        figures.add(row["section"], row["pattern"], row["size"], row["at"], row["driver"], 0,
                    row["median"], "")
    return figures, data


def ratios(figures, pattern, other):
    return ", ".join(f"{figures.ratio('speed', pattern, SIZES, form, other):.2f}"
                     for form in FORMS)


def reach(data, name):
    """The figures of a row of the verdict, by form."""
    return {row["form"]: row["figure"] for row in data["reach"] if row["row"] == name}


def lines(figures, data):
    """The part of the README between the marks."""
    yield (f"One run on {data['processor']}, {data['cores']} cores, "
           f"Linux {data['kernel'].split('-')[0]}, {data['compiler']}, against")
    yield "Debian's allocators and with the checks on: ratio of a pair's time, geometric mean over"
    yield "16 to 8192 bytes (`src/bench/results/bench.json` has all of it)."
    yield ""
    yield "| pattern | to glibc: called, inline | to the best peer: called, inline |"
    yield "|---|---|---|"
    for pattern in PATTERNS:
        best = ratios(figures, pattern, lambda size: figures.best_peer("speed", pattern, size)[0])
        yield (f"| {pattern}: {WORDS[pattern]} | {ratios(figures, pattern, 'glibc')} | {best} |")
    yield ""
    cost = reach(data, "misuse detection, a hot pair")
    count = reach(data, "instructions of a hot pair")
    yield (f"Misuse detection costs {cost['shared']:.1f} ns of a called pair, "
           f"{cost['inline']:.1f} ns of an inlined one; the pair takes")
    yield f"{count['shared']:.0f} and {count['inline']:.0f} instructions."


def written(text, figures, data):
    """The README's text with the part between the marks as it is to be."""
    part = "\n".join([BEGIN, *lines(figures, data), END])
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    if len(pattern.findall(text)) != 1:
        raise Failure(f"README.md needs the lines '{BEGIN}' and '{END}', once")
    return pattern.sub(lambda _: part, text)


def publish():
    """Writes the README's part from src/bench/results."""
    figures, data = read(os.path.join(RESULTS, "bench.json"))
    with open(README) as file:
        text = file.read()
    with open(README, "w") as file:
        file.write(written(text, figures, data))
