# SPDX-License-Identifier: MIT
"""Which functions and macros of the public headers no fuzzed program ever calls."""

import collections
import csv
import os
import re

HEADERS = (*("src/include/slabpool/" + name + ".h" for name in
             ("gfp", "slab", "mempool", "slabpool", "platform", "layout", "inline", "hot",
              "magazine")),
           *("src/kernel/include/linux/" + name + ".h" for name in
             ("slab", "mempool", "gfp", "mm", "vmalloc")))
COLUMNS = ["name", "reason"]
# Parts of other macros, and tables that are no calls.
INTERNAL = re.compile(r"^(SLABPOOL_|_)")

Found = collections.namedtuple("Found", "names reached excepted wrong")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text,
                  flags=re.S)


def names_of(text):
    """(functions, macros with arguments) that a header declares."""
    text = without_comments(text)
    macros = {match.group(1) for match in re.finditer(r"^#define (\w+)\(", text, re.M)}
    macros = {name for name in macros if not INTERNAL.match(name) or name.startswith("__")}
    # Where C++ has a function, C has a macro.
    code = re.sub(r"^#ifdef __cplusplus$.*?^#(else|endif)$", "", text, flags=re.M | re.S)
    code = re.sub(r"^#.*?(?<!\\)$", "", code, flags=re.M | re.S)
    code = re.sub(r"\((\w+)\)(?=\()", r" \1", code)
    functions = set()
    for match in re.finditer(r"\bSLABPOOL_API\b(?!\s*SLABPOOL_THREAD_LOCAL)([^;{]*?)"
                             r"\(?\b(\w+)\)?\s*\(", code):
        functions.add(match.group(2))
    for match in re.finditer(r"^static inline [^;{]*?\b(\w+)\s*\([^;{]*\)\s*\{", code, re.M):
        functions.add(match.group(1))
    return functions, macros - functions


def public_names(root):
    """{name: (header, is it a function)}"""
    found = {}
    for header in HEADERS:
        with open(os.path.join(root, header)) as file:
            functions, macros = names_of(file.read())
        for name in sorted(functions | macros):
            found.setdefault(name, (header, name in functions))
    return found


def used_names(root):
    """Every word of the fuzz targets' sources."""
    top, words = os.path.join(root, "fuzz"), set()
    for name in os.listdir(top):
        if name.endswith((".c", ".h")):
            with open(os.path.join(top, name)) as file:
                words.update(re.findall(r"\w+", without_comments(file.read())))
    return words


def exceptions(path):
    with open(path, newline="") as file:
        lines = csv.DictReader(file)
        if lines.fieldnames != COLUMNS:
            return {}, [f"{path}: the columns have to be {','.join(COLUMNS)}"]
        rows = list(lines)
    wrong = [f"{path}: '{row['name']}': that is no reason" for row in rows
             if len((row["reason"] or "").split()) < 4]
    return {row["name"]: row["reason"] for row in rows}, wrong


def judge(root, called, path):
    """called: {function: was it called by the replay}. Macros count when a target names them."""
    names, used = public_names(root), used_names(root)
    reached = {name for name, (_, function) in names.items()
               if (called.get(name, False) if function else name in used)}
    excepted, wrong = exceptions(path)
    for name in sorted(set(names) - reached - set(excepted)):
        wrong.append(f"{names[name][0]}: {name}: no operation of a fuzz target calls it")
    for name in sorted(excepted):
        if name not in names:
            wrong.append(f"{path}: stale: no public header has '{name}'")
        elif name in reached:
            wrong.append(f"{path}: stale: '{name}' is called by now")
    return Found(len(names), len(reached), len(excepted), wrong)
