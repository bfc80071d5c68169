# SPDX-License-Identifier: MIT
"""proofs/theorems.csv: which clause of which contract states a theorem, and what checks it where no
proof reaches it."""

import csv
import os
import re

from common import Failure, ROOT
import prove_source as source

TABLE = "proofs/theorems.csv"
COLUMNS = ["function", "theorem", "clauses", "instead"]
THEOREMS = ("alignment", "size", "disjointness", "liveness", "rejection", "conservation", "reserve",
            "failure", "safety")


def read():
    try:
        with open(os.path.join(ROOT, TABLE), newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise Failure(f"cannot read {TABLE}: {error.strerror}") from error
    if reader.fieldnames != COLUMNS:
        raise Failure(f"{TABLE}: its first line has to be {','.join(COLUMNS)}")
    return rows


def public_functions():
    """{name: file} of what the public headers declare and the core defines."""
    declared = {name for path in source.walk("src/include/slabpool") if path.endswith(".h")
                for name in source.outline(path).declared}
    return {name: path for path in source.walk("src/core") if path.endswith(".c")
            for name in source.outline(path).defined if name in declared}


def clauses_of(contract):
    return set(re.findall(r"\b(?:ensures|requires) (\w+):", contract))


def row_problem(row, contracts, known):
    """What is wrong with a row, or None. contracts: those that are proved, by function."""
    name, wanted = row["function"], row["clauses"].split()
    if row["theorem"] not in THEOREMS:
        return f"'{row['theorem']}' is none of: " + " ".join(THEOREMS)
    if name not in known:
        return "there is no such function in src/core"
    if not wanted and row["theorem"] != "safety":
        return None if row["instead"] else "names neither a clause nor what checks it instead"
    if name not in contracts:
        return None if row["instead"] and not wanted else "its contract is not proved"
    missing = [clause for clause in wanted if clause not in clauses_of(contracts[name])]
    return f"its contract has no clause {' '.join(missing)}" if missing else None


def check(contracts, known):
    """The problems of the table, and how many of its rows are proved and not."""
    found, rows, seen = [], read(), set()
    proved = 0
    for row in rows:
        key = row["function"], row["theorem"]
        text = "is there twice" if key in seen else row_problem(row, contracts, known)
        seen.add(key)
        if text:
            found.append(f"{TABLE}: {row['function']}, {row['theorem']}: {text}")
        proved += not row["instead"]
    for name, path in sorted(public_functions().items()):
        if not any(row["function"] == name for row in rows):
            found.append(f"{path}: {name} is public and has no row in {TABLE}: name the theorems "
                         "that apply to it, and the clauses that state them")
    for theorem in THEOREMS:
        if not any(row["theorem"] == theorem and not row["instead"] for row in rows):
            found.append(f"{TABLE}: no function proves the theorem '{theorem}'")
    return found, proved, len(rows) - proved
