# SPDX-License-Identifier: MIT
"""Breaks the lists of ci/coverage one thing at a time, and measures a program whose gaps are
known. Part of ci/test-ci."""

import csv
import json
import os

import common
from common import CLANG, LLVM, ROOT, run
from coverage_data import Measured

SAMPLE = """#define ODD(x) ((x) % 2 != 0)
#define CHECKS 1
static int dead(int a)
{
	return a + 1;
}

static int whole(int a, int b)
{
	return a > 0 && ODD(b);
}

static int mixed(int a, int b, int c)
{
	return (a > 0 && b > 0) || c > 0;
}

static int nested(int a, int b, int c)
{
	return a > 0 && !(b > 0 && c > 0);
}

static int part(int a)
{
	if (CHECKS && a > 7)
		return 3;
	return a < 0 ? 1 : 2;
}

int main(int n, char **words)
{
	(void)words;
	n += whole(1, 1) + whole(-1, 1) + whole(1, 2);
	n += mixed(1, 1, 0) + mixed(1, 0, 1) + mixed(1, 0, 0) + mixed(0, 0, 1);
	n += nested(0, 0, 0) + nested(1, 1, 1) + nested(1, 0, 0) + nested(1, 1, 0);
	n += part(1);
	return n > 99 ? dead(n) : 0;
}
"""
# Found by hand. mixed() is never called with a and c at most 0: nothing shows that a decides.
# nested() holds an && inside of a negation, of which clang measures no MC/DC.
KNOWN = {
    ("dead", "lines", "{ return a + 1; }"), ("mixed", "alone", "a > 0"),
    ("nested", "alone", "a > 0"), ("nested", "alone", "b > 0"), ("nested", "alone", "c > 0"),
    ("part", "true", "a > 7"), ("part", "lines", "return 3;"), ("part", "true", "a < 0"),
    ("main", "true", "n > 99"),
}


def gaps_of_sample(t):
    """{(function, what is missing, code)} of the sample program, as ci/coverage finds them."""
    source = t.file("sample/sample.c", SAMPLE)
    where = os.path.dirname(source)
    program, raw, data = (os.path.join(where, name) for name in ("sample", "raw", "data"))
    for words, env in (
            ([CLANG, "-O0", "-fprofile-instr-generate", "-fcoverage-mapping", "-fcoverage-mcdc",
              "-w", source, "-o", program], None),
            ([program], {"LLVM_PROFILE_FILE": raw}),
            (["llvm-profdata" + LLVM, "merge", "-o", data, raw], None)):
        status, text = run(words, env=env)
        if status and words != [program]:
            return None, f"{words[0]}: status {status}: {text}"
    _, text = run(["llvm-cov" + LLVM, "export", f"-instr-profile={data}", program])
    measured = Measured(json.loads(text[text.index("{"):])["data"][0]["functions"],
                        lambda path: "sample.c")
    _, text = run(["llvm-cov" + LLVM, "export", "-format=lcov", "-skip-functions",
                   f"-instr-profile={data}", program])
    dark = {int(line[3:].split(",")[0]) for line in text.splitlines()
            if line.startswith("DA:") and line.endswith(",0")}
    found = {(gap.function, gap.missing, gap.code) for gap in measured.gaps("sample.c", dark)}
    return found, f"{sorted(found)} {measured.strange('sample.c')}"


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def written(t, name, rows):
    path = t.file(name, "")
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def lists_are_judged(t):
    justified = rows_of(os.path.join(ROOT, "fuzz", "coverage.csv"))
    public = rows_of(os.path.join(ROOT, "fuzz", "public.csv"))
    first, second, third = justified[:3]
    changed = dict(second, code=second["code"] + " + 1")
    covered = {"file": "slab.c", "function": "slab_take", "code": "slab->free_count == 0",
               "missing": "true", "reason": "nobody has thought of it so far"}
    path = written(t, "lists/coverage.csv", [changed, dict(third, reason="so"), covered,
                                             *justified[3:]])
    names = written(t, "lists/public.csv", [
        {"name": "kmalloc", "reason": "nobody has thought of it so far"},
        {"name": "no_such_call", "reason": "nobody has thought of it so far"}, *public[1:]])
    status, text = t.ci("coverage", "--justified", path, "--public", names)
    t.ok("ci/coverage with broken lists fails", status == 1, text)
    for title, part in (
            ("a gap without a row", f"{first['function']}: never"),
            ("a row whose text changed, as a gap", f"{second['function']}: never"),
            ("a row whose text changed, as stale", changed["code"]),
            ("a row for what is reached", "stale: 'slab->free_count == 0'"),
            ("a row without a reason", "that is no reason"),
            ("a public name without an operation", f"{public[0]['name']}: no operation"),
            ("an exception for what is called", "stale: 'kmalloc' is called by now"),
            ("an exception for what is not there", "stale: no public header has 'no_such_call'")):
        t.ok(f"ci/coverage names {title}", part in text, text)


def coverage_tests(t):
    found, text = gaps_of_sample(t)
    t.ok("ci/coverage finds the gaps of a program, and no others", found == KNOWN, text)
    lists_are_judged(t)
    t.expect("ci/coverage of one target alone is less", 1, r"of them not justified", "coverage",
             "--target", common.targets()[0])
    t.expect("ci/coverage without its list", 2, r"cannot read", "coverage", "--justified",
             os.path.join(t.scratch, "nothing.csv"))
