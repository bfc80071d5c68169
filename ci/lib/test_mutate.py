# SPDX-License-Identifier: MIT
"""usage: ci/test-mutate [--only WORD]

Tests of ci/mutate on a tree with one small proved file: a good contract kills its mutants, a weak
one lets them live and fails, what is recorded is not run again, and what is wrong in
proofs/equivalent.csv fails. --only runs the tests whose name has this word in it.

Exit status: 0 all passed, 1 one failed, 2 bad usage."""

import csv
import os
import re
import shutil
import signal
import subprocess
import time

from breaking import Expectations, Suite, leftovers
from common import ROOT, Failure, environment, main, run, stop

FILE, RESULTS, EQUIVALENT = "src/core/tiny.c", "proofs/mutants.csv", "proofs/equivalent.csv"
GOOD, WEAK = "ensures more: \\result == n + 1;", "ensures any: \\true;"
TINY = """/*@ requires small: n <= 1000;
    terminates always: \\true;
    exits never: \\false;
    assigns \\nothing;
    CONTRACT
*/
unsigned int tiny(unsigned int n)
{
	return n + 1;
}

/*@ terminates always: \\true;
    exits never: \\false;
    assigns \\nothing;
    ensures same: \\result == n;
*/
unsigned int same(unsigned int n)
{
	return n > 0 ? n : 0;
}
"""
UNPROVED = "int other(int n);\n\nint other(int n)\n{\n\treturn n < 5;\n}\n"
REPLAYED = "unsigned int tiny(unsigned int n);\n\nint main(void)\n{\n\treturn %s;\n}\n"
PROOFS = ("--by", "proofs", "--least-time", "2")
PLUS_2, PLUS_0 = ('"n + 1" becomes "n + 2"', '"n + 1" becomes "n + 0"')
SUITE = Suite("test-mutate")
test = SUITE.test


class Tree(Expectations):
    """A tree that has ci/mutate and one proved file."""

    def __init__(self, where):
        self.where = where
        shutil.copytree(os.path.join(ROOT, "ci"), self.path("ci"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        os.makedirs(self.path("src/include/slabpool"))
        shutil.copy(os.path.join(ROOT, "src/include/slabpool/compiler.h"),
                    self.path("src/include/slabpool"))
        self.write("proofs/SOUNDNESS.md", "## Trusted contracts\n")
        self.write("proofs/files.json", '{"proved": {"%s": {}}}\n' % FILE)
        os.makedirs(self.path("proofs/logic"))
        self.write("src/core/other.c", UNPROVED)
        self.contract(GOOD)
        self.arguments = (self,)

    def path(self, name):
        return os.path.join(self.where, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)

    def contract(self, clause):
        self.write(FILE, TINY.replace("CONTRACT", clause))

    def forget(self, *names):
        for name in names or (RESULTS, EQUIVALENT):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def rows(self):
        with open(self.path(RESULTS), newline="") as file:
            return {row["change"]: row for row in csv.DictReader(file)}

    def equivalent(self, name, change, reason="said so", where="function"):
        with open(self.path(EQUIVALENT), "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([["id", "change", "where", "reason"], [name, change, where, reason]])

    def replayable(self):
        """Makes fuzz/fuzz_tiny.c a target that has one input."""
        self.write("meson.build", "project('tiny', 'c')\nsubdir('fuzz')\n")
        self.write("meson_options.txt", "option('bench', type: 'boolean')\n"
                   "option('tools', type: 'boolean')\n"
                   "option('fuzzing_engine', type: 'string', value: 'none')\n")
        self.write("fuzz/meson.build", "alias_target('fuzzers', executable('fuzz_tiny', "
                   "'fuzz_tiny.c', '../src/core/tiny.c'))\n")
        self.write("corpus/tiny/one", "1")

    def env(self):
        return {"BUILD_DIR": self.path("build")}

    def restore(self):
        """The tests build on each other."""

    def expect(self, status, pattern, *words, never=None):
        """Runs ci/mutate."""
        return self.command(self.path("ci/mutate"), words, status, pattern, never, env=self.env(),
                            cwd=self.where, timeout=600)


@test("bad usage gets a message and status 2")
def _(tree):
    tree.expect(0, r"^usage: ci/mutate --by ", "--help")
    tree.expect(2, r"unrecognized arguments: --planted", *PROOFS, "--planted")
    tree.expect(2, r"--by", "--count", "5")
    tree.expect(2, r"invalid choice: 'nothing'", "--by", "nothing")
    tree.expect(2, r"invalid number above 0 value: '0'", *PROOFS, "--count", "0")
    tree.expect(2, r"invalid percentage from 0 to 100 value: '101'", *PROOFS, "--at-least", "101")
    tree.expect(2, r"no mutants of a file 'nothing'; there are: ", *PROOFS, "--file", "nothing")
    tree.expect(2, r"git cannot compare with 'nothing'", *PROOFS, "--changed", "nothing")
    tree.expect(2, r"runs nothing: use it without", "--by", "union", "--again")
    tree.expect(2, r"exclude each other", *PROOFS, "--list", "--report")


@test("only proved functions have mutants, and what compiles to the same is passed over")
def _(tree):
    text = tree.expect(0, r"passed over: [1-9]\d* that compile to the code of the original",
                       *PROOFS, "--list", never=r"other\.c")
    tree.ok(re.search(rf"^{FILE}:tiny\+2:constant:\d+  {re.escape(PLUS_2)}", text, re.M), text)
    tree.ok(not os.path.exists(tree.path(RESULTS)), "--list wrote results")


@test("a good contract kills its mutants")
def _(tree):
    tree.expect(0, r"^killed 3 of 3 by proofs, 0 equivalent: 100\.0 % \(95 % confidence: 43\.\d to "
                r"100\.0 %\)$", *PROOFS, "--only", ":tiny+")
    tree.ok(tree.rows()[PLUS_2]["by"] == "tiny_ensures_more", str(tree.rows()))


@test("what is recorded is not run again")
def _(tree):
    before = os.stat(tree.path(RESULTS)).st_mtime_ns
    tree.expect(0, r"^killed 3 of 3 by proofs", *PROOFS, "--only", ":tiny+", never=r"^1/")
    tree.ok(os.stat(tree.path(RESULTS)).st_mtime_ns == before, "the results were written")
    rows = list(tree.rows().values())
    with open(tree.path(RESULTS), "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if row["change"] != PLUS_2)
    tree.expect(0, r"^1/1 killed .*" + re.escape(PLUS_2), *PROOFS, "--only", ":tiny+")


@test("an incomplete sample fails")
def _(tree):
    tree.expect(1, r"^failed: \d+ mutants of the sample have no result yet", *PROOFS, "--report")


@test("a weak contract lets mutants live, and fails")
def _(tree):
    tree.contract(WEAK)     # which makes the recorded results old
    text = tree.expect(1, r"^killed 1 of 3 by proofs", *PROOFS, "--only", ":tiny+")
    tree.ok("failed: the score is below 95 %" in text, text)
    tree.ok(re.search(r"^survivors:\n(.*\n)*.*\n    src/core/tiny\.c:9: return n \+ 1;$", text,
                      re.M), text)
    tree.expect(0, r"^killed 1 of 3", *PROOFS, "--only", ":tiny+", "--at-least", "30")


@test("an equivalent mutant does not count, a wrong entry fails")
def _(tree):
    rows = tree.rows()
    name, report = rows[PLUS_2]["id"], (*PROOFS, "--only", ":tiny+", "--report")
    tree.equivalent(name, PLUS_2)
    tree.expect(0, r"^killed 1 of 2 by proofs, 1 equivalent", *report, "--at-least", "50")
    tree.equivalent(name, PLUS_2, " ")
    tree.expect(1, r"^failed: equivalent\.csv: .*: the reason is missing", *report,
                "--at-least", "0")
    tree.equivalent(name, PLUS_0)
    tree.expect(1, r"^failed: equivalent\.csv: .*: it is another change now", *report,
                "--at-least", "0")
    tree.equivalent(name.replace("+2", "+7"), PLUS_2)
    tree.expect(1, r"^failed: equivalent\.csv: .*: there is no such mutant", *report,
                "--at-least", "0")
    killed = next(row for row in rows.values() if row["outcome"] == "killed")
    tree.equivalent(killed["id"], killed["change"])
    tree.expect(1, r"^failed: equivalent\.csv: .*: it was killed \(", *report, "--at-least", "0")
    tree.equivalent(killed["id"], killed["change"], where="here")
    tree.expect(1, r"^failed: equivalent\.csv: .*: where is one of function program", *report,
                "--at-least", "0")
    tree.write(EQUIVALENT, "name,why\n")
    tree.expect(1, r"equivalent\.csv: the columns should be ", *report)
    tree.forget(EQUIVALENT)


@test("what only this program never asks for, a proof may kill and has to, and no run may")
def _(tree):
    rows = tree.rows()
    name, report = rows[PLUS_2]["id"], ("--only", ":tiny+", "--report", "--at-least", "0")
    killed = next(row for row in rows.values() if row["outcome"] == "killed")
    tree.equivalent(name, PLUS_2, where="program")
    tree.expect(0, r"^killed 1 of 3 by proofs, 0 equivalent", "--by", "proofs", *report)
    tree.expect(0, r"^killed 1 of 2 by union, 1 equivalent", "--by", "union", *report[:2],
                *report[3:])
    tree.equivalent(killed["id"], killed["change"], where="program")
    tree.expect(0, r"^killed 1 of 3 by proofs, 0 equivalent", "--by", "proofs", *report)
    with open(tree.path(RESULTS)) as file:
        tree.write("fuzz/mutants.csv", file.read())
    tree.expect(1, r"^failed: equivalent\.csv: .*: it was killed \(", "--by", "union", *report[:2],
                *report[3:])
    tree.forget("fuzz/mutants.csv", EQUIVALENT)


@test("the union takes what any of them killed")
def _(tree):
    tree.expect(1, r"^killed 1 of 3 by union", "--by", "union", "--only", ":tiny+")
    with open(tree.path(RESULTS)) as file:
        text = file.read()
    tree.write("fuzz/mutants.csv", text.replace(",survived,", ",killed,"))
    tree.expect(0, r"^killed 3 of 3 by union", "--by", "union", "--only", ":tiny+")
    tree.forget("fuzz/mutants.csv")


@test("a replay kills what its oracle sees, and fails for what it does not see")
def _(tree):
    tree.forget()
    tree.contract(GOOD)
    tree.replayable()
    replay = ("--by", "replay", "--only", ":tiny+")
    for oracle, status, pattern in (
            ("tiny(1) != 2", 0, r"^killed 3 of 3 by replay, 0 equivalent: 100\.0 %"),
            ("tiny(1) > 2", 1, r"^killed 1 of 3 by replay"),
            ("1", 1, r"^ci/mutate: ci/replay --target tiny has to pass first")):
        tree.write("fuzz/fuzz_tiny.c", REPLAYED % oracle)
        tree.expect(status, pattern, *replay)
        tree.forget("fuzz/mutants.csv")


@test("fuzzing gets what survived a replay, and proofs what survived both")
def _(tree):
    tree.forget()
    tree.contract(GOOD)
    tree.replayable()
    fuzz = ("--by", "fuzz", "--fuzz-time", "1", "--only", ":tiny+")
    tree.write("fuzz/fuzz_tiny.c", "")
    tree.expect(1, r"^failed: 3 mutants of the sample have no result yet", *fuzz)
    tree.write("fuzz/fuzz_tiny.c", REPLAYED.replace("void", "int count, char **words")
               % "count > 2 && words[1] && tiny(1) > 2")
    tree.expect(1, r"^killed 0 of 3 by replay", "--by", "replay", "--only", ":tiny+")
    tree.expect(1, r"^killed 1 of 3 by fuzz", *fuzz)
    tree.expect(0, r"^killed 2 of 2 by proofs", *PROOFS, "--survivors", "--only", ":tiny+")
    tree.expect(0, r"^killed 3 of 3 by union", "--by", "union", "--only", ":tiny+")
    tree.expect(2, r"--survivors goes with --by proofs", "--by", "fuzz", "--survivors")
    tree.forget("fuzz/mutants.csv")
    tree.forget("fuzz/mutants-fuzzed.csv")


@test("planted bugs are found, or the command fails")
def _(tree):
    block = ("name: {}\ntarget: tiny\nwhat: wrong\nfile: src/core/tiny.c\n"
             "-\treturn n + 1;\n+\treturn n + {};\n")

    def bugs(status, pattern, *words):
        return tree.command(tree.path("ci/bugs"), words, status, pattern, None, env=tree.env(),
                            cwd=tree.where, timeout=600)
    tree.contract(GOOD)
    tree.replayable()
    tree.write("fuzz/fuzz_tiny.c", REPLAYED % "tiny(1) != 2")
    tree.write("fuzz/bugs.txt", "# Bugs.\n\n" + block.format("two-more", 2) + "\n"
               + block.format("harmless", "1u"))
    bugs(1, r"^  harmless by replay: replay does not see it\n(.*\n)*1 passed, 1 failed$")
    bugs(0, r"two-more +tiny +\d+\.\d +tiny: status 1", "--only", "two-more")
    bugs(0, r"^two-more +tiny +\d", "--list")
    bugs(2, r"no bug 'nothing' in fuzz/bugs\.txt", "--only", "nothing")
    tree.write("fuzz/bugs.txt", block.format("twice", 2).replace("n + 1", "n + 5"))
    bugs(2, r"twice: its lines stand 0 times in src/core/tiny\.c, not once")
    tree.write("fuzz/bugs.txt", block.format("half", 2).replace("what: wrong\n", ""))
    bugs(2, r"'name: half' has no what")
    tree.write("fuzz/bugs.txt", block.format("lost", 2).replace("tiny\n", "none\n", 1))
    bugs(2, r"lost: no target 'none'")
    tree.forget("fuzz/bugs.txt")
    tree.forget("fuzz/bugs.csv")


@test("only changed lines")
def _(tree):
    tree.contract(GOOD)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        run(["git", "-C", tree.where, "-c", "user.name=x", "-c", "user.email=x@x", *words])
    tree.expect(1, r"^failed: no mutant was judged", *PROOFS, "--changed", "HEAD", "--report")
    tree.write(FILE, TINY.replace("CONTRACT", GOOD).replace("n > 0", "n >= 1"))
    tree.expect(0, r":same\+", *PROOFS, "--changed", "HEAD", "--list", never=r":tiny\+")
    shutil.rmtree(tree.path(".git"))


@test("a function that is not proved as it stands")
def _(tree):
    tree.forget()
    tree.contract("ensures wrong: \\result == n + 3;")
    tree.expect(1, r"tiny is not proved as it stands \(gcc_x86_64: tiny_ensures_wrong\)", *PROOFS,
                "--only", ":tiny+2:arithmetic")
    tree.ok(not os.path.exists(tree.path(RESULTS)), "it was recorded")


@test("an interrupt ends the provers and keeps what was found")
def _(tree):
    tree.forget()
    tree.contract(GOOD)
    scratch = tree.path("interrupted")
    os.makedirs(scratch)
    process = subprocess.Popen([tree.path("ci/mutate"), *PROOFS], cwd=tree.where,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True,
                               env=environment(dict(tree.env(), TMPDIR=scratch)))
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (os.path.exists(tree.path(RESULTS)) and
                                              leftovers(scratch)):
            time.sleep(0.05)
        if process.poll() is not None or not leftovers(scratch):
            raise Failure("it was done, or nothing ran, before it could be interrupted")
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        time.sleep(1)
        left, files = leftovers(scratch), os.listdir(scratch)
        tree.ok(process.returncode == 130 and b"interrupted" in said and not left and not files
                and tree.rows(), f"status {process.returncode}, processes {left}, files {files}, "
                f"message {said!r}")
    finally:
        stop(process)


@test("no source was touched")
def _(tree):
    found = sorted(os.path.relpath(os.path.join(where, name), tree.path("src"))
                   for where, _, names in os.walk(tree.path("src")) for name in names)
    tree.ok(found == ["core/other.c", "core/tiny.c", "include/slabpool/compiler.h"], str(found))
    with open(tree.path(FILE)) as file:
        tree.ok(file.read() == TINY.replace("CONTRACT", GOOD), "tiny.c is another")


if __name__ == "__main__":
    main(lambda: SUITE.work(__doc__, Tree))
