# SPDX-License-Identifier: MIT
"""Checks of ci/corpus and of what it is made of, for ci/test-ci: each gets its Tests."""

import contextlib
import io
import json
import os
import re

import common
import corpus_check
import corpus_entries
import finding
import reduce
from common import ROOT, run

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


PROGRAM = """instance(fault=none, limit=64)
cache 0 = create(size=64, flags=0)
objects 0..9 = alloc_many(cache 0, n=10)
object 10 = alloc(cache 0, gfp=KERNEL|ZERO)
cache 1 = create(size=4000, flags=A|B|C)
object 11 = alloc(cache 1, gfp=KERNEL)
free(object 11)
shrink(cache 0)
free(object 3)
free(object 11)
check()
"""


def names(text):
    return [line.split("(")[0].split(" = ")[-1] for line in text.splitlines()]


def numbered(data):
    """Words as slabpool-trace prints them: what makes a handle says which."""
    made, lines = {"cache": 0, "object": 0}, []
    for line in data.decode().splitlines():
        kind = {"create": "cache", "alloc": "object", "alloc_many": "object"}.get(
            line.split("(")[0])
        if kind:
            count = int((re.search(r"\bn=(\d+)", line) or [0, 1])[1])
            last = made[kind] + count - 1
            number = f"{kind} {last}" if count == 1 else f"{kind}s {made[kind]}..{last}"
            made[kind] += count
            line = f"{number} = {line}"
        lines.append(line)
    return lines


def reduced(kind, **more):
    reducer = reduce.Reducer(lambda text: text.encode(), kind, numbered, 30)
    for name, value in more.items():
        setattr(reducer, name, value)
    begin = reduce.to_words([reduce.Call(line) for line in PROGRAM.splitlines()])
    data, how = reducer.reduce(begin.encode())
    return data.decode(), how


@check
def reducing(t):
    """Operations go, arguments shrink, handles stay, and the failure stays the same one."""
    def double_free(data):
        lines = data.decode().splitlines()
        freed = [line for line in lines if line.startswith("free(")]
        big = re.search(r"create\(size=(\d+)", data.decode())
        if len(freed) != len(set(freed)) and "free(object none)" not in freed:
            return "double free" if big else "another"
        return "another" if "shrink(cache 0)" in lines else ""

    text, how = reduced(double_free)
    t.ok("reducing keeps the kind of failure", how == "double free" and
         double_free(text.encode()) == how, text)
    t.ok("reducing drops operations", sorted(names(text)) ==
         sorted(["alloc", "create", "free", "free", "instance"]) or
         sorted(names(text)) == sorted(["create", "free", "free", "instance", "alloc_many"]), text)
    t.ok("reducing gives handles their new numbers", len(re.findall(r"free\(object 0\)", text))
         == 2, text)
    t.ok("reducing drops arguments", "limit" not in text and "flags" not in text, text)
    other, _ = reduced(double_free, wanted=bool)
    t.ok("a step to another failure would be smaller, and is not taken",
         double_free(other.encode()) == "another" and len(other) < len(text), other)

    text, how = reduced(lambda data: "big" if max(map(int, re.findall(
        rb"create\(size=(\d+)", data)), default=0) >= 1000 else "")
    t.ok("reducing halves numbers", re.search(r"size=1000\b", text) and how == "big", text)
    text, how = reduced(lambda data: "flag" if re.search(rb"flags=[ABC|]*B", data) else "")
    t.ok("reducing drops flags", "flags=B)" in text and names(text) == ["instance", "create"], text)
    text, how = reduced(lambda data: "")
    t.ok("an input that passes stays as it is", how == "" and names(text) == names(PROGRAM), text)


@check
def kinds_of_failures(t):
    """Two failures are of one kind if the same oracle or sanitizer saw the same kind of thing."""
    alike = (("fuzz: oracle zero\nfuzz: object 20: 251 bytes",
              "fuzz: oracle zero\nfuzz: object 1: 3 bytes\n==7== ERROR: libFuzzer: deadly signal"),
             ("==5==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1 at pc",
              "==6==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x2 at pc"),
             ("a.c:1:2: runtime error: index 5 out of bounds for type 'x'",
              "b.c:3:2: runtime error: index 7 out of bounds for type 'x'"),
             ("WARNING: ThreadSanitizer: data race (pid=7)", "WARNING: ThreadSanitizer: data race "
              "(pid=8)"))
    every = [finding.kind_of(77, text) for pair in alike for text in pair]
    for one, other in zip(every[::2], every[1::2]):
        t.ok(f"the same kind twice: {one}", one == other and one, f"{one} and {other}")
    t.ok("other kinds are told apart", len(set(every)) == len(alike), str(every))
    t.ok("a run that passed is of no kind", finding.kind_of(0, alike[0][0]) == "")
    t.ok("a status alone is a kind", finding.kind_of(9, "") == "status 9" and
         finding.kind_of(124, "") == "no end")


@check
def findings_are_told(t):
    """ci/replay tells what fails, and the C program that it writes compiles and runs."""
    path = os.path.join(common.CORPUS, "kmem_cache", "double-free")
    status, text = t.ci("replay", "--sanitizer", "plain", "--plant", "double-free-unnoticed", path)
    t.ok("ci/replay tells a finding", status == 1 and "=== finding in kmem_cache ===" in text and
         "  kmem_cache_free(object 0)" in text, text)
    t.ok("ci/replay says how to minimise", "ci/corpus minimise --target kmem_cache --plant "
         "double-free-unnoticed --sanitizer plain corpus/kmem_cache/double-free" in text, text)
    command = re.search(r"^  (cc .*)$", text, re.M)
    if not t.ok("ci/replay gives a C program", command, text):
        return
    status, output = run(["sh", "-c", command.group(1)], cwd=ROOT)
    t.ok("the C program compiles", status == 0, output)
    program = re.search(r"-o (\S+)", command.group(1)).group(1)
    status, output = run([os.path.join(ROOT, program)], cwd=ROOT)
    t.ok("the C program runs, and the allocator without the bug reports", status == 0 and
         re.search(r"^1 reports$", output, re.M), output)


@check
def corpus_files(t):
    """ci/corpus verify: each rule about files, broken."""
    good = b"SP\1\0"
    digest = corpus_entries.sha1(good)
    for what, name, data, normal, held in (
            ("a file in order", "in-order", good, good, True),
            ("a recording", "record-inode_cache", bytes(5000), bytes(5000), True),
            ("a file with its hash", digest, good, good, True),
            ("a file with another's hash", digest, good + b"\0", good + b"\0", False),
            ("a bad name", "In order", good, good, False),
            ("a large file", "large", bytes(4097), bytes(4097), False),
            ("a file with a byte too few", "short", good + b"\1", good + b"\1\0", False)):
        found = corpus_check.file_problems(name, data, normal)
        t.ok(f"ci/corpus verify: {what} is {'no' if held else 'a'} problem", held == (not found),
             str(found))
    found = corpus_check.duplicates({digest: "a()\n", "first": "a()\n", "other": "b()\n"})
    t.ok("ci/corpus verify: a program that stands there twice",
         len(found) == 1 and found[0].startswith(digest) and "first" in found[0], str(found))
    # Version 0, a byte too few, and one that a code wraps around to: none is what it is written as.
    words = corpus_entries.Words("kmem_cache")
    for what, data, held in (("exact", good, True), ("of version 0", b"\0", False),
                             ("short", good + b"\0", False), ("wrapped", good + b"\xff", False)):
        path = t.file(f"exact/{what}", data)
        t.ok(f"an input that is {what}", (words.normal(path) == data) == held)


@check
def corpus_regressions(t):
    """ci/corpus verify: a regression that finds nothing, another thing, or always something."""
    where = corpus_entries.replay_programs()
    bugs = [bug for bug in corpus_entries.plants(where) if bug[0] == "double-free-unnoticed"]
    row = dict(zip(corpus_check.COLUMNS, ("kmem_cache", "double-free", "double-free-unnoticed",
                                          "report")))

    def problems(see=lambda *what: corpus_entries.oracle_of(where, *what), **changes):
        return corpus_check.regression_problems([dict(row, **changes)], bugs, see)

    t.ok("a regression that finds its bug is in order", problems() == [], str(problems()))
    for what, pattern, found in (
            ("that passes", "it passes", problems(name="alloc-and-free")),
            ("with another oracle", "expected oracle", problems(oracle="zero")),
            ("that is not there", "no such input", problems(name="no-such-file")),
            ("for no bug", "no such planted bug", problems(bug="no-such-bug")),
            ("that always fails", "without the bug", problems(see=lambda *_: "report"))):
        t.ok(f"a regression {what} is a problem", any(pattern in text for text in found),
             str(found))
    found = corpus_check.regression_problems([], bugs, lambda *_: "")
    t.ok("a bug without a regression is a problem", len(found) == 1 and "no input" in found[0],
         str(found))
    t.expect("ci/corpus add --bug refuses what does not find the bug", 1, "does not find",
             "corpus", "add", "--target", "kmem_cache", "--name", "test-of-add", "--bug",
             "double-free-unnoticed", os.path.join(common.CORPUS, "kmem_cache", "constructor"))
    t.ok("ci/corpus add takes nothing then", not os.path.exists(
        os.path.join(common.CORPUS, "kmem_cache", "test-of-add")))
    t.expect("ci/corpus verify: the corpora are in order", 0, r"^\d+ passed, 0 failed$", "corpus",
             "verify")


@check
def corpus_views(t):
    """What the listing and the page say of an entry is so."""
    for words, pattern in ((("list", "--target", "geometry"), r"^arithmetic +\d+ +\d+"),
                           (("list", "--target", "geometry", "--words"),
                            r"^geometry/arithmetic: alone \d+ edges")):
        t.expect("ci/corpus " + " ".join(words), 0, pattern, "corpus", *words)
    t.expect("ci/corpus report", 0, r"^browse \S*report/corpus\.html$", "corpus", "report",
             "--target", "geometry")
    with open(os.path.join(common.BUILD, "report", "corpus.html")) as file:
        text = file.read()
    names = corpus_entries.inputs_of("geometry")
    t.ok("the page has a row an entry", text.count("<tr") == len(names) + 1, text[:500])
    t.ok("the page needs nothing of the network", not re.search(r"(src|href)=|https?:|@import",
                                                                text), text[:500])
    t.ok("the page tells the planted bugs", "wrong-class" in text)
    listed = corpus_entries.entries("geometry")[:2]
    corpus_entries.reach_of({"geometry": listed}, {"geometry": (
        [("src/core/a.c", 1), None, ("src/core/a.c", 2), ("src/core/b.c", 3)],
        {listed[0].name: [0, 8, 16, 40], listed[1].name: [1, 24, 9]})})
    t.ok("what one entry reaches is not what the other alone does", listed[0].edges == {0, 2} and
         listed[0].alone == {2} and listed[1].alone_lines == {("src/core/b.c", 3)},
         f"{listed[0].edges} {listed[0].alone} {listed[1].alone_lines}")


@check
def corpus_merges(t):
    """Only what reaches more is taken, written as its program is; named files stay."""
    t.expect("ci/corpus merge refuses a directory that is none", 2, "no directory", "corpus",
             "merge", "--target", "geometry", "/no/such/directory")
    folder = os.path.dirname(t.file("fleet/one/nothing", b"\0"))
    t.expect("ci/corpus merge refuses directories without a target's name", 2, "say --target",
             "corpus", "merge", folder)
    known = min(filter(corpus_entries.HASH.match, corpus_entries.inputs_of("geometry")))
    t.file("fleet/two/geometry/known", corpus_entries.content(
        os.path.join(common.CORPUS, "geometry", known)))
    t.expect("ci/corpus merge takes directories of a fleet", 0, r"^geometry: \d+ inputs, 0 to add",
             "corpus", "merge", "--target", "geometry", os.path.join(t.scratch, "fleet", "two"))
    found = {"named": {1, 2}, "a": {2, 3, 4}, "b": {3}, "c": {4, 5}, "d": {5}, "e": {1, 2}}
    chosen = corpus_check.cover(found, {"named"}, {"named": 9, "a": 5, "b": 1, "c": 5, "d": 1,
                                                   "e": 1}.get)
    t.ok("ci/corpus prune keeps what is named, and what covers the rest", chosen ==
         {"named", "a", "d"}, str(chosen))
    t.ok("ci/corpus prune keeps all features", set().union(*(found[n] for n in chosen)) ==
         {1, 2, 3, 4, 5}, str(chosen))
    kept = corpus_check.kept_for_ever("geometry")
    finders = set(corpus_check.finders("geometry"))
    t.ok("what is named is kept, and what finds a mutant", "arithmetic" in kept and finders <= kept
         and not any(corpus_entries.HASH.match(name) for name in kept - finders), str(kept))
    path = t.file("found.csv", "id,by\nm1,geometry/00ff: fuzz: oracle size\nm2,geometry/00ff: x\n"
                  "m3,kmalloc/00fe: x\nm4,geometry: no end\nm5,typed_lemma\n")
    before, corpus_check.FOUND = corpus_check.FOUND, (path,)
    try:
        t.ok("what was the first to see mutants", corpus_check.finders("geometry") ==
             {"00ff": ["m1", "m2"]}, str(corpus_check.finders("geometry")))
        t.ok("it is kept", "00ff" in corpus_check.kept_for_ever("geometry"))
        _, problems = corpus_check.target_problems("geometry")
        t.ok("ci/corpus verify misses it", any(p.startswith("00ff: it is not there, but finds m1, "
                                                            "m2") for p in problems), str(problems))
    finally:
        corpus_check.FOUND = before


@check
def failed_tests_are_told(t):
    """A replay that fails as a test of meson is told with its input."""
    where = os.path.join(t.scratch, "told")
    path = os.path.join(common.CORPUS, "kmem_cache", "double-free")
    for result, told in (("FAIL", True), ("ERROR", True), ("TIMEOUT", True), ("OK", False)):
        entry = {"name": "slabpool:unit+fuzz / replay kmem_cache", "result": result,
                 "stdout": f"1..2\n# {path}\n", "stderr": "fuzz: oracle zero\n"}
        t.file("told/meson-logs/testlog.json", json.dumps(entry) + "\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            finding.tell_failed_tests(where)
        t.ok(f"a test with the result {result} is {'' if told else 'not '}told", told ==
             ("=== finding in kmem_cache ===" in out.getvalue() and "fuzz: oracle zero" in
              out.getvalue()), out.getvalue())
