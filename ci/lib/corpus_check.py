# SPDX-License-Identifier: MIT
"""ci/corpus verify and upgrade: the files are what they say that they are, and the regressions that
corpus/regressions.csv lists still find their bugs."""

import csv
import os

from common import CORPUS, ROOT, Results, Usage, relative, say
from corpus_entries import (HASH, NAME, RECORD, Words, content, each, features, inputs_of,
                            oracle_of, plants, replay_programs, sha1)
from fuzz_engines import fuzzers

FOUND = ("fuzz/mutants.csv", "fuzz/bugs.csv")    # what replay found, and by which input
REGRESSIONS = os.path.join(CORPUS, "regressions.csv")
COLUMNS = ["target", "name", "bug", "oracle"]
MOST_FILES, MOST_BYTES = 400, 4096  # a target; of a file that is no recording
SHOWN = 20


def regressions(path=None):
    """The rows: this input finds this planted bug, by this oracle."""
    path = path or REGRESSIONS
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != COLUMNS or any(None in row or None in row.values() for row in rows):
        raise Usage(f"{relative(path)}: the columns should be {','.join(COLUMNS)}: mend the file")
    return rows


def save_regressions(rows):
    rows = sorted(rows, key=lambda row: [row[column] for column in COLUMNS])
    with open(REGRESSIONS + ".part", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(REGRESSIONS + ".part", REGRESSIONS)


def add_regression(target, name, bug):
    """Writes the row for an input that finds a planted bug. Its oracle; '' if it does not."""
    oracle = oracle_of(replay_programs(), target, os.path.join(CORPUS, target, name), bug)
    if oracle:
        rows = [row for row in regressions() if (row["target"], row["name"], row["bug"]) !=
                (target, name, bug)]
        save_regressions(rows + [dict(zip(COLUMNS, (target, name, bug, oracle)))])
    return oracle


def finders(target):
    """{input: what it finds}: the mutants and the bugs of the core that it was the first to see."""
    found = {}
    for path in FOUND:
        with open(os.path.join(ROOT, path), newline="") as file:
            for row in csv.DictReader(file):
                where, _, name = row["by"].partition(":")[0].partition("/")
                if where == target and name:
                    found.setdefault(name, []).append(row.get("id") or row["name"])
    return found


def kept_for_ever(target):
    """What nothing may remove: what is named in words, what is named as a regression, and what
    finds mutants or bugs of the core."""
    listed = {row["name"] for row in regressions() if row["target"] == target}
    return {name for name in inputs_of(target) if not HASH.match(name)} | listed | \
        set(finders(target))


def cover(found, kept, size):
    """Of {name: features} what covers all features: what is kept anyway, and as few others as it
    takes, each time the one that adds most, the smallest of those that add the same."""
    chosen = set(kept) & set(found)
    missing = set().union(*found.values()) - set().union(*(found[name] for name in chosen))
    while missing:
        best = max(sorted(found), key=lambda name: (len(missing & found[name]), -size(name)))
        chosen.add(best)
        missing -= found[best]
    return chosen


def prune(options):
    """Drops what reaches nothing that the rest does not; features are those that libFuzzer sees."""
    where = fuzzers()
    for target in options.targets:
        top = os.path.join(CORPUS, target)
        seen = features(os.path.join(where, "fuzz_" + target), target)
        found = {name: set(seen.get(name, ())) for name in inputs_of(target)}
        chosen = cover(found, kept_for_ever(target),
                       lambda name: os.path.getsize(os.path.join(top, name)))
        useless = sorted(set(found) - chosen)
        say(f"{target}: {len(found)} inputs, {len(useless)} to remove")
        for name in useless if options.write else ():
            os.unlink(os.path.join(top, name))
    if not options.write:
        say("nothing was changed; --write does it")
    return 0


# Files -------------------------------------------------------------------------------------------

def file_problems(name, data, normal):
    found = []
    if HASH.match(name) and name != sha1(data):
        found.append(f"{name}: its name is the hash of something else: ci/corpus upgrade --write")
    if not any(form.match(name) for form in (HASH, NAME, RECORD)):
        found.append(f"{name}: a name is words in small letters with hyphens")
    if len(data) > MOST_BYTES and not name.startswith("record-"):
        found.append(f"{name}: {len(data)} bytes, more than {MOST_BYTES}")
    if data != normal:
        found.append(f"{name}: not what its program is written as (bytes are missing, or mean "
                     "nothing, or are of an old version): ci/corpus upgrade --write")
    return found


def duplicates(texts):
    """texts: {name: words}. Programs that stand there twice."""
    first, found = {}, []
    for name, text in sorted(texts.items(), key=lambda item: (bool(HASH.match(item[0])), item[0])):
        if text in first:
            found.append(f"{name}: the same program as {first[text]}: delete one")
        first.setdefault(text, name)
    return found


def target_problems(target):
    words = Words(target)
    names = inputs_of(target)
    paths = [os.path.join(CORPUS, target, name) for name in names]
    texts = each(words.of, paths)
    normals = each(words.assemble, texts)
    found = [] if names else ["there is no input"]
    if len(names) > MOST_FILES:
        found.append(f"{len(names)} files, more than {MOST_FILES}: ci/corpus prune")
    for name, path, normal in zip(names, paths, normals):
        found += file_problems(name, content(path), normal)
    found += [f"{name}: it is not there, but finds {', '.join(what)}: ci/mutate --by replay "
              "--again, or ci/bugs --again" for name, what in sorted(finders(target).items())
              if name not in names]
    return len(names), found + duplicates(dict(zip(names, texts)))


# Regressions -------------------------------------------------------------------------------------

def regression_problems(rows, bugs, see):
    """see(target, path, bug): the oracle that fails. bugs: those that some row has to find."""
    found, looked = [], []
    for row in rows:
        path = os.path.join(CORPUS, row["target"], row["name"])
        what = f"{row['target']}/{row['name']} and {row['bug']}"
        if row["bug"] not in {bug for bug, _, target in bugs if target == row["target"]}:
            found.append(f"{what}: there is no such planted bug (fuzz/planted.c)")
        elif not os.path.isfile(path):
            found.append(f"{what}: there is no such input")
        else:
            looked.append((row, what, path))
    seen = each(lambda entry: see(entry[0]["target"], entry[2], entry[0]["bug"]), looked)
    clean = each(lambda entry: see(entry[0]["target"], entry[2], ""), looked)
    for (row, what, _), oracle, without in zip(looked, seen, clean):
        if oracle != row["oracle"]:
            found.append(f"{what}: expected oracle \"{row['oracle']}\", "
                         + (f"it is \"{oracle}\"" if oracle else "it passes"))
        if without:
            found.append(f"{what}: it fails without the bug (oracle \"{without}\")")
    listed = {(row["target"], row["bug"]) for row in rows}
    return found + [f"{bug}: no input of {target} is listed for it: ci/corpus verify --record"
                    for bug, _, target in bugs if (target, bug) not in listed]


def verify(options):
    results = Results("corpus")
    for target in options.targets:
        count, problems = target_problems(target)
        results.add(f"{target}: {count} files", passed=max(0, count - len(problems)),
                    failed=len(problems), failures=problems[:SHOWN])
    where = replay_programs()
    rows = [row for row in regressions() if row["target"] in options.targets]
    bugs = [bug for bug in plants(where) if bug[2] in options.targets]
    problems = regression_problems(rows, bugs, lambda *what: oracle_of(where, *what))
    results.add(f"{len(rows)} regressions", passed=max(0, len(rows) - len(problems)),
                failed=len(problems), failures=problems[:SHOWN])
    return results.close()


# Rewriting ---------------------------------------------------------------------------------------

def upgrade(options):
    """Writes files as their programs are written today; those with a hash get their new one."""
    for target in options.targets:
        words, top = Words(target), os.path.join(CORPUS, target)
        names = inputs_of(target)
        kept = {row["name"] for row in regressions() if row["target"] == target}
        fresh = each(lambda name: words.normal(os.path.join(top, name)), names)
        changed = renamed = 0
        for name, data in zip(names, fresh):
            path = os.path.join(top, name)
            other = sha1(data) if HASH.match(name) and name not in kept else name
            if content(path) == data and other == name:
                continue
            changed += content(path) != data
            renamed += other != name
            if options.write:
                out = os.path.join(top, other)
                with open(out + ".part", "wb") as file:
                    file.write(data)
                os.replace(out + ".part", out)
                if other != name:
                    os.unlink(path)
        say(f"{target}: {len(names)} inputs, {changed} to write anew, {renamed} to rename")
    if not options.write:
        say("nothing was changed; --write does it")
    return 0


def record():
    """The smallest input named in words that finds each planted bug becomes its regression."""
    where, rows = replay_programs(), regressions()
    listed = {(row["target"], row["bug"]) for row in rows}
    for bug, oracle, target in plants(where):
        if (target, bug) in listed:
            continue
        names = sorted((name for name in inputs_of(target) if not HASH.match(name)),
                       key=lambda name: os.path.getsize(os.path.join(CORPUS, target, name)))
        for name in names:
            if oracle_of(where, target, os.path.join(CORPUS, target, name), bug) == oracle:
                rows.append(dict(zip(COLUMNS, (target, name, bug, oracle))))
                say(f"{bug}: {target}/{name}")
                break
        else:
            say(f"{bug}: no input of {target} that is named in words finds it")
    save_regressions(rows)
    return 0
