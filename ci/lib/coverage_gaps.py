# SPDX-License-Identifier: MIT
"""What a replay does not reach, piece by piece: lines, outcomes of branches, and conditions of
which no two runs show that they decide alone (MC/DC). And the list of gaps that are justified.

A gap is known by file, function and the source text itself, not by its line number: it stays known
when lines move, and is stale when its text changes.

A stretch of lines that no run enters is one gap; what is inside of it is part of it. A condition
that never has one of its outcomes cannot decide alone either: that is one gap, too."""

import collections
import csv
import os
import re

COLUMNS = ("file", "function", "code", "missing", "reason")
# What can be missing of a gap.
LINES, TRUE, FALSE, ALONE = "lines", "true", "false", "alone"

Gap = collections.namedtuple("Gap", "file function code missing line")


class Justified:
    """A row of the list: the gap that it is about, and why nothing reaches it."""

    def __init__(self, row, number):
        self.key = tuple(row[name] for name in COLUMNS[:4])
        self.reason, self.number = row["reason"], number


def key(gap):
    return (gap.file, gap.function, gap.code, gap.missing)


def read(path):
    """(rows of the list of justified gaps, what is wrong with it)"""
    rows, wrong = [], []
    with open(path, newline="") as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            return [], [f"the columns have to be {','.join(COLUMNS)}"]
        for row in lines:
            if None in row or None in row.values():
                wrong.append(f"line {lines.line_num}: not {len(COLUMNS)} columns")
            elif row["missing"] not in (LINES, TRUE, FALSE, ALONE):
                wrong.append(f"line {lines.line_num}: '{row['missing']}' is nothing that can be "
                             f"missing: {LINES}, {TRUE}, {FALSE} or {ALONE}")
            elif len(row["reason"].split()) < 4:
                wrong.append(f"line {lines.line_num}: that is no reason")
            else:
                rows.append(Justified(row, lines.line_num))
    return rows, wrong


def judge(gaps, rows):
    """(gaps that no row justifies, rows that justify no gap): each row is for one gap."""
    left = collections.defaultdict(list)
    for row in rows:
        left[row.key].append(row)
    bare = []
    for gap in gaps:
        fitting = left.get(key(gap))
        if fitting:
            fitting.pop(0)
        else:
            bare.append(gap)
    return bare, sorted((row for fitting in left.values() for row in fitting),
                        key=lambda row: row.number)


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def stretches(lines):
    """Runs of neighbours among line numbers."""
    runs = []
    for line in sorted(lines):
        if runs and runs[-1][-1] == line - 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def shown(gap, where="src/core"):
    what = {LINES: "never run", TRUE: "never true", FALSE: "never false",
            ALONE: "never decides alone"}[gap.missing]
    return f"{os.path.join(where, gap.file)}:{gap.line}: {gap.function}: {what}: {gap.code}"


def rows_for(gaps):
    """Rows of the list for these gaps, with the reason left open."""
    return [dict(zip(COLUMNS, (*key(gap), ""))) for gap in gaps]
