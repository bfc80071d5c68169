# SPDX-License-Identifier: MIT
"""What ci/mutate keeps: results, mutants judged equivalent by a person, the sample, the score."""

import csv
import math
import os

from common import Failure
from mutate_source import digest

COLUMNS = ["id", "change", "outcome", "by", "seconds", "code"]
EQUIVALENT_COLUMNS = ["id", "change", "where", "reason"]
WHERE = ("function", "program")
OUTCOMES = ("killed", "survived", "timeout", "equivalent")


def sample_order(mutants, seed):
    """The mutants in an order of which each beginning is a sample stratified by file and operator:
    of each stratum about the same share. A longer sample contains the shorter one."""
    strata = {}
    for mutant in mutants:
        strata.setdefault((mutant.path, mutant.operator), []).append(mutant)
    keyed = []
    for stratum in strata.values():
        stratum.sort(key=lambda m: digest(f"{seed} {m.id} {m.change}"))
        keyed += [((k + 0.5) / len(stratum), digest(f"{seed} {m.id}"), m)
                  for k, m in enumerate(stratum)]
    keyed.sort(key=lambda entry: entry[:2])
    return [mutant for _, _, mutant in keyed]


def wilson(good, total, z=1.959964):
    """The 95 % confidence interval of a share, after Wilson."""
    if not total:
        return 0.0, 1.0
    share = good / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def load(path, columns):
    try:
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            if reader.fieldnames != columns or any(None in row or None in row.values()
                                                   for row in rows):
                raise Failure(f"{path}: the columns should be {','.join(columns)}: mend the file, "
                              "or delete it")
            return rows
    except FileNotFoundError:
        return []


class Store:
    """The results of one way to look for mutants, in a file that is complete at any time."""

    def __init__(self, path):
        self.path = path
        self.rows = {row["id"]: row for row in load(path, COLUMNS)}
        for row in self.rows.values():
            if row["outcome"] not in OUTCOMES:
                raise Failure(f"{path}: '{row['outcome']}' of {row['id']} is not one of "
                              + " ".join(OUTCOMES))

    def get(self, mutant, code):
        """The row of a mutant, if it was made with this change and of this code."""
        row = self.rows.get(mutant.id)
        return row if row and (row["change"], row["code"]) == (mutant.change, code) else None

    def put(self, mutant, code, outcome, by, seconds):
        self.rows[mutant.id] = {"id": mutant.id, "change": mutant.change, "outcome": outcome,
                                "by": by, "seconds": f"{seconds:.1f}", "code": code}
        self.save()

    def forget(self, known, paths):
        """Drops the rows of these files whose mutants are not there any more."""
        self.rows = {name: row for name, row in self.rows.items()
                     if name in known or name.split(":")[0] not in paths}

    def save(self):
        part = self.path + ".part"
        with open(part, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows[name] for name in sorted(self.rows, key=order))
        os.replace(part, self.path)


def order(name):
    path, place, operator, ordinal = name.split(":")
    function, row = place.rsplit("+", 1)
    return path, function, int(row), operator, int(ordinal)


class Equivalent:
    """Mutants that a person judged to do the same: the function wherever it is called, or this
    program, whose callers never ask for the difference. A proof of the function's contract may
    tell the latter, and then it counts as killed there; no run may."""

    def __init__(self, path):
        self.path = path
        self.rows = {row["id"]: row for row in load(path, EQUIVALENT_COLUMNS)}

    def has(self, mutant, by):
        row = self.rows.get(mutant.id)
        return row is not None and (row["where"] == "function" or by != "proofs")

    def problems(self, mutants, paths, stores):
        """Entries that are wrong or say too little; paths: only of these files, or None."""
        known, found = {mutant.id: mutant for mutant in mutants}, []
        for name, row in self.rows.items():
            if paths is not None and name.split(":")[0] not in paths:
                continue
            mutant = known.get(name)
            if mutant is None:
                found.append(f"{name}: there is no such mutant: take the entry out")
                continue
            if row["change"] != mutant.change:
                found.append(f"{name}: it is another change now ({mutant.change}): judge it anew")
            elif not row["reason"].strip():
                found.append(f"{name}: the reason is missing")
            if row["where"] not in WHERE:
                found.append(f"{name}: where is one of {' '.join(WHERE)}")
            for by, store in stores.items():
                if by == "proofs" and row["where"] == "program":
                    continue
                result = store.rows.get(name)
                if result and result["change"] == row["change"] == mutant.change \
                        and result["outcome"] == "killed":
                    found.append(f"{name}: it was killed ({result['by']}), so it is not "
                                 "equivalent: take the entry out")
        return [f"{os.path.basename(self.path)}: {text}" for text in found]
