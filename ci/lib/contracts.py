# SPDX-License-Identifier: MIT
"""ci/replay --contracts: the library with its own contracts compiled in replays the corpora."""

import csv
import os
import re
import shutil
import time

from common import (BUILD, CLANG, ROOT, Failure, Results, compile, configure, count_tap,
                    pick_targets, relative, run, say, setup, table, tail)
from contracts_source import Tree

IGNORED = "proofs/contracts.csv"
COLUMNS = ["file", "function", "clause", "kind", "reason"]
DEFINITION = "definition"
KINDS = ("ignored", "partly", "left out", "twin")
RUNTIME = ("proofs/runtime/contracts.h", "proofs/runtime/contracts.c")
# Code whose stores are followed: the library, and what has its inline functions compiled in.
FOLLOWED = ("fun:*", "src:*/src/core/*", "src:*/src/api/*", "src:*/fuzz/adapter_slabpool.c",
            "src:*/fuzz/faces_inline.c")
SAMPLE = 60     # inputs of a target, unless all are asked for
SEEDS, LONGEST = 40, 512    # inputs to fuzz from, and bytes of an input
LIMIT = 1800    # seconds for a target: what does not end fails


def read_list(path):
    """{(file, function, clause): (kind, text)} of the data file."""
    found = {}
    with open(os.path.join(ROOT, path), newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != COLUMNS:
            raise Failure(f"{path}: the first line has to be {','.join(COLUMNS)}")
        for row in rows:
            key = (row["file"], row["function"], row["clause"])
            if row["kind"] not in KINDS:
                raise Failure(f"{path}: kind '{row['kind']}' is none of: {', '.join(KINDS)}")
            if not (row["reason"] or "").strip() or None in row:
                raise Failure(f"{path}: {', '.join(key)}: no reason, or more than one column of it")
            if key in found:
                raise Failure(f"{path}: {', '.join(key)} stands there twice")
            found[key] = (row["kind"], row["reason"])
    return found


def gate(results, tree, listed):
    """Each clause without a full check is listed, with the reason, and each listed one is such."""
    seen, wrong = set(), []
    for name, contract in sorted(tree.contracts.items()):
        for clause in contract.clauses:
            key = (clause.file, name, clause.key())
            kind = listed.get(key, ("", ""))[0]
            seen.add(key)
            place = f"{clause.file}:{clause.line}: {name}: {clause.key()}"
            if kind == "left out" and clause.kind == "assumes":
                wrong.append(f"{place}: what a behavior assumes cannot be left out")
            if tree.outside(name) and kind != "left out":
                wrong.append(f"{place}: the body in compiler.h cannot be wrapped in a contract "
                             f"from elsewhere: list it in {IGNORED} as left out")
            if kind in ("left out", "twin"):
                continue
            if clause.status in ("ignored", "partly") and kind != clause.status:
                wrong.append(f"{place}: {clause.status} ({clause.why}), but not listed so in "
                             f"{IGNORED}")
            elif kind and clause.status != kind:
                wrong.append(f"{place}: listed in {IGNORED} as {kind}, but it is {clause.status} "
                             "now: take the line out")
    seen |= {(file, definition.name, DEFINITION) for file, found in tree.emitted.items()
             for _, definition in found if (file, definition.name, DEFINITION) in listed}
    wrong += [f"{IGNORED}: {', '.join(key)}: there is no such clause" for key in listed
              if key not in seen]
    for line in wrong:
        say(f"  {line}")
    results.add("clauses", passed=len(seen) - len(wrong), failed=len(wrong), failures=wrong)
    return not wrong


def counts(tree, listed):
    """Rows of the table: a function, and how many of its clauses are checked and how."""
    rows = []
    for name, contract in sorted(tree.contracts.items(), key=lambda item: (item[1].file, item[0])):
        kinds = {"checked": 0, "twin": 0, "partly": 0, "ignored": 0, "left out": 0,
                 "no body": 0}
        for clause in contract.clauses:
            kind = listed.get((clause.file, name, clause.key()), (clause.status, ""))[0]
            kinds["twin" if kind == "checked" and tree.by_twin(clause) else kind] += 1
        rows.append((contract.file, name, len(contract.clauses), *kinds.values()))
    return [*rows, ("", "all", *(sum(row[at] for row in rows) for at in range(2, 9)))]


TITLES = ("contract in", "function", "clauses", "checked", "by twin", "in part", "ignored",
          "left out", "no body")


def write(path, text):
    """Writes a file if it is not so already: what did not change is not compiled again."""
    try:
        with open(path) as file:
            if file.read() == text:
                return
    except OSError:
        pass
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def wrapped(results, tree):
    """Each function with a body has its wrapper: asked when the copy is made."""
    bare = [name for name, contract in sorted(tree.contracts.items())
            if not contract.wrapped and name not in tree.undefined()]
    results.add("wrappers", passed=len(tree.contracts) - len(bare), failed=len(bare),
                failures=[f"{name} has a contract and a body, but no wrapper" for name in bare])


def twins_of(listed):
    """What is evaluated instead: the part of the reason in backquotes."""
    found = {}
    for key, (kind, reason) in listed.items():
        if kind == "twin":
            match = re.match(r"`([^`]+)`: .", reason)
            if not match:
                raise Failure(f"{IGNORED}: {', '.join(key)}: a twin is written `formula`: reason")
            found[key] = match.group(1)
    return found


def copy_tree(tree, listed, where):
    """The tree with its contracts compiled in, below where."""
    left_out = {key for key, (kind, _) in listed.items() if kind == "left out"}
    files = tree.copy(left_out, twins_of(listed))
    more = [f"fuzz/{name}" for name in sorted(os.listdir(os.path.join(ROOT, "fuzz")))
            if name.endswith((".py", ".txt", ".inc", ".build"))]
    # The parts of src that are not copied (tests, tools) have no meson.build there: left out.
    for name in ("meson.build", "meson_options.txt", "src/meson.build", *more):
        with open(os.path.join(ROOT, name)) as file:
            files[name] = file.read()
    place = "slabpool_core_sources = files("
    if place not in files["src/meson.build"]:
        raise Failure(f"src/meson.build has no '{place}' any more")
    files["src/meson.build"] = files["src/meson.build"].replace(
        place, place + "'contracts.c', 'contracts_table.c', ")
    for name in RUNTIME:
        with open(os.path.join(ROOT, name)) as file:
            files["src/" + os.path.basename(name)] = file.read()
    files["src/contracts_table.c"] = tree.table()
    files["followed"] = "\n".join(FOLLOWED) + "\n"
    for name, text in files.items():
        write(os.path.join(where, name), text)


def build(tree, listed, engine="none"):
    """Builds the fuzz targets with contracts; returns the directory of the programs."""
    top = os.path.join(BUILD, "contracts")
    source = os.path.join(top, "tree")
    copy_tree(tree, listed, source)
    # Some files ask for GNU's names, which has to come before the first header.
    flags = ["-D_GNU_SOURCE=", "-include", os.path.join(source, "src", "contracts.h"), "-w",
             "-fsanitize-coverage=trace-stores",
             f"-fsanitize-coverage-allowlist={os.path.join(source, 'followed')}",
             "-fsanitize-address-use-after-return=never"]
    if engine == "none":
        # Something has to be covered for stores to be told.
        flags.append("-fsanitize-coverage=edge,trace-pc-guard")
    wraps = ",".join(f"--wrap={name}" for name in (
        "__asan_memcpy", "__asan_memmove", "__asan_memset", "longjmp"))
    options = ["--buildtype=debug", "-Doptimization=1", "-Db_sanitize=address", "-Db_lundef=false",
               "-Dtests=true", "-Dtools=false", "-Dbench=false", "-Dkernel_face=false",
               f"-Dfuzzing_engine={engine}", f"-Dc_args={' '.join(flags)}",
               f"-Dc_link_args=-Wl,{wraps}"]
    where = configure(os.path.join("contracts", engine), options, CLANG, source=source)
    compile(where, ["fuzzers"])
    return os.path.join(where, "fuzz")


def sample(target, corpus, everything):
    folder = os.path.join(corpus, target)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if not names:
        raise Failure(f"{relative(folder)} is missing or empty")
    step = 1 if everything else max(1, -(-len(names) // SAMPLE))
    return [os.path.join(folder, name) for name in names[::step]], len(names)


def replay(results, programs, target, inputs, of_all, judged):
    begin = time.monotonic()
    log = os.path.join(programs, f"contracts-{target}.log")
    tally = os.path.join(programs, f"contracts-{target}.counts")
    for path in (log, tally):
        if os.path.exists(path):
            os.unlink(path)
    status, _ = run([os.path.join(programs, "fuzz_" + target), *inputs], log=log, cwd=ROOT,
                    timeout=LIMIT, env={"CONTRACTS_COUNTS": tally})
    with open(log, errors="replace") as file:
        text = file.read().split("\n", 2)[2]
    found = {"passed": 0, "failed": 0, "skipped": 0, "failures": [], "skips": []}
    seen = count_tap(target, text, found)
    violated = re.findall(r"^contract violated: .*(?:\n  in .*)*", text, re.M)
    if status or violated or seen < len(inputs):
        last = re.findall(r"^# (\S.*)$", text, re.M)
        what = violated[0].splitlines()[0] if violated else \
            f"status {status}, {seen} of {len(inputs)} inputs"
        found["failed"] += 1
        found["failures"].append(what + (f" ({last[-1]})" if last else ""))
    if os.path.exists(tally):
        with open(tally) as file:
            for line in file:
                number, _, times, _ = map(int, line.split())
                judged[number] = judged.get(number, 0) + times
    results.add(f"{target}, contracts", seconds=time.monotonic() - begin,
                note=relative(log) if found["failed"] else f"{len(inputs)} of {of_all} inputs",
                **found)
    say(f"  {target:12} {len(inputs)} of {of_all} inputs: {found['passed']} passed, "
        f"{found['failed']} failed")
    for part in violated:
        say(part)
    if found["failed"] and not violated:
        say(tail(log, 40))


def seeds(target, corpus):
    """The shortest inputs of the corpus: each takes much longer than without contracts."""
    folder = os.path.join(corpus, target)
    if not os.path.isdir(folder):
        raise Failure(f"{relative(folder)} is missing")
    names = [os.path.join(folder, name) for name in os.listdir(folder)]
    return ",".join(sorted(names, key=lambda name: (os.path.getsize(name), name))[:SEEDS])


def fuzz(results, tree, listed, targets, options):
    """libFuzzer over the same build."""
    programs, seconds = build(tree, listed, "libfuzzer"), options.fuzz
    for target in targets:
        new = os.path.join(BUILD, "contracts", "new", target)
        findings = os.path.join(BUILD, "findings", target)
        log = os.path.join(programs, f"fuzz-{target}.log")
        for folder in (new, findings):
            os.makedirs(folder, exist_ok=True)
        if os.path.exists(log):
            os.unlink(log)
        begin = time.monotonic()
        status, _ = run([os.path.join(programs, "fuzz_" + target), new,
                         f"-seed_inputs={seeds(target, options.corpus)}",
                         f"-max_total_time={seconds}", f"-max_len={LONGEST}",
                         f"-artifact_prefix={findings}/", "-timeout=120",
                         "-print_final_stats=1", "-rss_limit_mb=4096"], log=log, cwd=ROOT,
                        timeout=seconds + 600)
        text = tail(log, 4000)
        runs = re.search(r"number_of_executed_units: *(\d+)", text)
        what = re.findall(r"^contract violated: .*|^SUMMARY: .*", text, re.M)
        unit = re.search(r"Test unit written to (\S+)", text)
        bad = bool(status or what or not runs)
        note = (what or [f"status {status}, see {relative(log)}"])[0] if bad else \
            f"{runs.group(1)} executions"
        if bad and unit:
            note += f"; replay: ci/replay --contracts --target {target} {relative(unit.group(1))}"
        say(f"  {target:12} {note}")
        results.add(f"fuzz {target}, contracts", int(not bad), int(bad),
                    seconds=time.monotonic() - begin, note="" if bad else note,
                    failures=[note] if bad else [])


def never(tree, judged, listed):
    """Clauses that no input reached."""
    found = []
    for name, contract in sorted(tree.contracts.items()):
        for clause in contract.clauses:
            kind = listed.get((clause.file, name, clause.key()), ("", ""))[0]
            if contract.wrapped and clause.code is not None and kind != "left out" \
                    and clause.kind in ("requires", "ensures", "assigns") \
                    and not (contract.opaque and clause.kind == "assigns") \
                    and not judged.get(clause.number):
                found.append(f"{clause.file}:{clause.line}: {name}: {clause.key()}")
    return found


def work(options, by_target):
    """by_target: {target: files}, empty for the corpora."""
    results = Results("replay --contracts")
    listed = read_list(IGNORED)
    tree = Tree({(file, name): formula for (file, name, clause), formula
                 in twins_of(listed).items() if clause == DEFINITION})
    say(f"contracts: {sum(len(c.clauses) for c in tree.contracts.values())} clauses of "
        f"{len(tree.contracts)} functions")
    gate(results, tree, listed)
    copied = os.path.join(BUILD, "contracts", "check")
    if options.table:
        shutil.rmtree(copied, ignore_errors=True)
        copy_tree(tree, listed, copied)
        wrapped(results, tree)
        say(table(TITLES, counts(tree, listed), "llrrrrrrr"))
        return results.close(options.json)
    setup("base,fuzz")
    targets = pick_targets(options.target or list(by_target))
    if options.fuzz:
        say(f"fuzzing {' '.join(targets)} with contracts: {options.fuzz} s each ...")
        fuzz(results, tree, listed, targets, options)
        return results.close(options.json)
    say("building with contracts ...")
    programs = build(tree, listed)
    wrapped(results, tree)
    judged = {}
    for target in targets:
        inputs, of_all = (by_target[target], len(by_target[target])) if by_target else \
            sample(target, options.corpus, options.all)
        replay(results, programs, target, inputs, of_all, judged)
    total = counts(tree, listed)[-1]
    say(f"\n{total[2]} clauses: {total[3]} checked, {total[4]} by a twin, {total[5]} in part, "
        f"{total[6]} ignored, {total[7]} left out, {total[8]} of functions that no program has; "
        f"{sum(judged.values())} checks made")
    missed = never(tree, judged, listed)
    if missed and not by_target:
        say(f"{len(missed)} clauses that these inputs do not reach"
            + (":" if options.all else " (--all lists them)"))
        for line in missed if options.all else ():
            say(f"  {line}")
    results.figures.update(checks=sum(judged.values()), clauses=total[2], checked=total[3],
                           twins=total[4], partly=total[5], ignored=total[6], left_out=total[7],
                           not_reached=missed)
    return results.close(options.json)
