# SPDX-License-Identifier: MIT
"""usage: ci/test-ci [--only WORD]

Tests of the commands in ci/ themselves: what must fail does fail, with the status and the message
that it should have. --only runs the checks whose name has this word in it.

Exit status: 0 all passed, 1 one failed, 2 bad usage."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import xml.dom.minidom

import bench_figures
import bench_readme
import bench_svg
import bench_trace
import bench_verdict
import common
import fuzz_engines as fuzz_engines_of
import test_corpus
from common import (BUILD, ROOT, Failure, Results, environment, hear_interrupts, main, parser, run,
                    say, setup)
from test_coverage import coverage_tests

COMMANDS = ("setup", "test", "verify", "fuzz", "replay", "corpus", "coverage", "bench", "style",
            "test-ci", "test-oss-fuzz")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Tests:
    def __init__(self, scratch):
        self.results = Results("test-ci")
        self.scratch = scratch

    def ok(self, name, held, text=""):
        self.results.check(name, bool(held), "" if held else name)
        say(f"{'ok' if held else 'NOT OK'}: {name}")
        if not held and text:
            say(textwrap.indent(text[-3000:], "    "))
        return held

    def ci(self, *words, env=None, timeout=1200):
        """Runs a command of ci/. (status, all output)"""
        return run([os.path.join(ROOT, "ci", words[0]), *words[1:]], env=env, timeout=timeout,
                   cwd=self.scratch)

    def expect(self, name, status, pattern, *words, env=None):
        got, text = self.ci(*words, env=env)
        self.ok(name, got == status and re.search(pattern, text, re.M),
                f"status {got}, expected {status} and /{pattern}/\n{text}")
        return text

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.scratch, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.chmod(path, mode)
        return path


@check
def usage(t):
    for name in COMMANDS:
        t.expect(f"ci/{name} --help", 0, rf"^usage: ci/{name}\b", name, "--help")
        words = [name, "count"] if name == "corpus" else [name]
        t.expect(f"ci/{name} with an unknown option", 2, r"--no-such-option", *words,
                 "--no-such-option")
    for words, pattern in ((("fuzz", "--target", "nothing"), "no fuzz target 'nothing'"),
                           (("fuzz", "--time", "0"), "--time"),
                           (("fuzz", "--time", "soon"), "--time"),
                           (("fuzz", "--fork", "0"), "--fork"),
                           (("fuzz", "--engine", "nothing"), "invalid choice: 'nothing'"),
                           (("fuzz", "--compiler", "gcc"), "libFuzzer is clang's"),
                           (("fuzz", "--compiler", "clang-1"), "there is no such program"),
                           (("fuzz", "--engine", "afl", "--compiler", common.CLANG),
                            "--compiler goes with libFuzzer"),
                           (("test-oss-fuzz", "--time", "0"), "--time"),
                           (("test-oss-fuzz", "--sanitizer", "dataflow"), "invalid choice"),
                           (("replay", "--target", "nothing"), "no fuzz target 'nothing'"),
                           (("replay", "/no/such/file"), "cannot read '/no/such/file'"),
                           (("replay", "--fault", "commit:1"), "--fault is for a FILE"),
                           (("replay", "--sweep", "--determinism"), "go with neither"),
                           (("coverage", "--target", "nothing"), "no fuzz target 'nothing'"),
                           (("test", "--only", "nothing"), "no step 'nothing'"),
                           (("verify", "--only", "nothing"), "no part 'nothing'"),
                           (("corpus",), "COMMAND"),
                           (("corpus", "add", "--target", "nothing", "x"), "no fuzz target"),
                           (("corpus", "add", "--target", common.targets()[0], "/no/such/file"),
                            "cannot read '/no/such/file'"),
                           (("corpus", "add", "--target", common.targets()[0], "--name", "A b",
                             "x"), "small letters"),
                           (("setup", "--only", "nothing"), "no group 'nothing'"),
                           (("bench", "--operations", "1"), "at least 64"),
                           (("bench", "--size", "17"), "--size"),
                           (("bench", "--only", "nothing"), "invalid choice: 'nothing'"),
                           (("bench", "--driver", "nothing"), "no driver 'nothing'"),
                           (("bench", "--peer", "/no/such.so"), "cannot read '/no/such.so'"),
                           (("bench", "--options", "limmit=3"), "'limmit=3' is refused"),
                           (("bench", "--publish", "--skip", "soak"), "full run")):
        t.expect("ci/" + " ".join(words), 2, re.escape(pattern), *words)


@check
def setup_check(t):
    listed = t.file("packages", "base must libc6-dev a reason\n"
                                "base must no-such-package-here the reason for it\n"
                                "fuzz may no-other-package another reason\n"
                                "matrix must libc6-dev a\nprove must libc6-dev a\n"
                                "programs must libc6-dev a\ncross must libc6-dev a\n"
                                "engines must libc6-dev a\n")
    env = {"SLABPOOL_PACKAGES": listed}
    t.expect("ci/setup --check reports a missing package with its reason", 1,
             r"^missing: no-such-package-here \(the reason for it\)", "setup", "--check", env=env)
    t.expect("ci/setup --check: a missing optional package is told, and is no failure", 0,
             r"^missing: no-other-package", "setup", "--check", "--only", "fuzz", env=env)
    t.expect("ci/setup --check says that all is there", 0, "all packages are installed",
             "setup", "--check", "--only", "matrix", env=env)
    t.expect("ci/setup without its list", 2, "cannot read the list", "setup", "--check",
             env={"SLABPOOL_PACKAGES": "/no/such/list"})


UNLOCKED = """
struct __attribute__((capability("lock"))) lock_class { char unused; };
extern struct lock_class locks;
static int guarded __attribute__((guarded_by(locks)));
void take(void) __attribute__((acquire_capability(locks)));
void give(void) __attribute__((release_capability(locks)));
int a(void);
int a(void)
{
	int value;

	/* nothing */
	value = guarded;
	give();
	return value;
}
"""


@check
def style(t):
    """A tree in which each rule is broken, then one in which none is."""
    head = "/* SPDX-License-Identifier: MIT */\n"
    broken = {"licence": ("src/a.c", "int a;\n"),
              "columns": ("src/a.c", head + "/*" + " " * 99 + "*/\n"),
              "files": ("src/a.c", head + "\n" * 600),
              "functions": ("src/a.c", head + "void a(void)\n{\n" + "\t;\n" * 61 + "}\n"),
              "lost": ("src/b.c", head + "int b;\n"),
              "locks": ("src/core/a.c", head + UNLOCKED)}
    build = "# SPDX-License-Identifier: MIT\nfiles('a.c')\n"
    for rule, (name, text) in broken.items():
        t.file(f"style-{rule}/src/meson.build", build)
        t.file(f"style-{rule}/{name}", text)
        output = t.expect(f"ci/style: a tree that breaks '{rule}'", 1,
                          rf"^{rule}: {re.escape(name)}", "style", "--tree", f"style-{rule}")
        t.ok(f"ci/style: it breaks nothing else than '{rule}'", output.splitlines()[-1] ==
             "5 passed, 1 failed", output)
    t.file("style-none/src/meson.build", build)
    t.file("style-none/src/a.c", head + "void a(void)\n{\n" + "\t;\n" * 60 + "}\n")
    t.file("style-none/src/core/a.c", head + UNLOCKED.replace("/* nothing */", "take();"))
    t.expect("ci/style: a tree in order", 0, r"^6 passed, 0 failed$", "style", "--tree",
             "style-none")


@check
def locks(t):
    """In a copy of the sources, one call of each that takes or gives a lock is left out."""
    for path, line in (("core/depot.c", "\tcache_lock(cache);\n"),
                       ("core/slabs.c", "\tcache_unlock(cache);\n"),
                       ("core/arena.c", "\tarena_unlock(pool, arena);\n"),
                       ("core/thread.c", "\tinstance_lock(pool);\n"),
                       ("core/mempool.c", "\treserve_unlock(m);\n"),
                       ("platform/posix.c", "\ttable_lock(posix);\n")):
        where = os.path.join(t.scratch, "locks")
        shutil.rmtree(where, ignore_errors=True)
        for part in ("src", "proofs"):
            shutil.copytree(os.path.join(ROOT, part), os.path.join(where, part))
        source = os.path.join(where, "src", path)
        with open(source) as file:
            text = file.read()
        t.ok(f"src/{path} has the line to leave out", line in text)
        with open(source, "w") as file:
            file.write(text.replace(line, "", 1))
        t.expect(f"ci/style: src/{path} without '{line.strip()}'", 1,
                 rf"^locks: src/{re.escape(path)}\n.*(requires holding|is not held|still held|"
                 "that was not held)", "style", "--only", "locks", "--tree", where)


PROJECT = """
project('counts')
tap = find_program('tap.sh')
test('good', tap, args: ['good'], protocol: 'tap')
test('bad', tap, args: ['bad'], protocol: 'tap')
test('crash', tap, args: ['crash'], protocol: 'tap')
test('short', tap, args: ['short'], protocol: 'tap')
test('silent', tap, args: ['silent'], protocol: 'tap')
test('plain', tap, args: ['plain'])
test('fails', tap, args: ['fails'])
test('skips', tap, args: ['skips'])
test('hangs', tap, args: ['hangs'], timeout: 1)
test('hanging-tap', tap, args: ['hanging-tap'], protocol: 'tap', timeout: 1)
"""
SCRIPT = """#!/bin/sh
case $1 in
good) echo 'ok 1 - a'; echo 'ok 2 - b # SKIP not here'; echo 'ok 3 - c'; echo 1..3 ;;
bad) echo 1..2; echo 'not ok 1 - a'; echo 'ok 2 - b'; exit 1 ;;
crash) echo 1..2; echo 'ok 1 - a'; kill -SEGV $$ ;;
short) echo 1..3; echo 'ok 1 - a' ;;
silent) ;;
plain) echo fine ;;
fails) exit 1 ;;
skips) echo no such thing; exit 77 ;;
hangs) exec sleep 30 ;;
hanging-tap) echo 'ok 1 - a'; exec sleep 30 ;;
esac
"""


@check
def counting(t):
    """The counts of a project whose tests fail in every way that there is."""
    top = os.path.join(t.scratch, "counts")
    t.file("counts/meson.build", PROJECT)
    t.file("counts/tap.sh", SCRIPT, 0o755)
    where = os.path.join(top, "build")
    status, text = run(["meson", "setup", where, top])
    if not t.ok("a project for counting", status == 0, text):
        return
    results = Results("x")
    common.meson_test(results, "counts", where)
    step = results.steps[0]
    # passed: good 2, bad 1, crash 1, short 1, plain 1, hanging-tap 1
    t.ok("checks that pass are counted one by one", step["passed"] == 7, json.dumps(step, indent=1))
    t.ok("skips are counted, with their reasons", step["skipped"] == 2 and
         step["skips"] == ["good: not here", "skips: no such thing"], json.dumps(step, indent=1))
    want = {"bad", "crash", "short", "silent", "fails", "hangs", "hanging-tap"}
    got = {name.split(":")[0] for name in step["failures"]}
    t.ok("each way to fail is counted once", step["failed"] == 7 and got == want,
         json.dumps(step, indent=1))
    only = Results("x")
    common.meson_test(only, "none", where, ["--suite", "no-such-suite"])
    t.ok("no test at all is a failure", closed(only) == (1, "0 passed, 1 failed"))


def closed(results):
    """The exit status of results and the last line of what they print."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = results.close(None, False)
    return status, out.getvalue().splitlines()[-1]


@check
def closing(t):
    results = Results("x")
    t.ok("a run that checked nothing fails", closed(results) == (1, "0 passed, 0 failed"))
    results.add("a", passed=1, skipped=1, skips=["b: c"])
    t.ok("a run that passed has status 0", closed(results) == (0, "1 passed, 0 failed, 1 skipped"))
    results.check("c", False)
    t.ok("one failure makes status 1", closed(results) == (1, "1 passed, 1 failed, 1 skipped"))


@check
def ci_run(t):
    """.ci/run counts, goes on after a failure, and its status follows."""
    env = {"BUILD_DIR": os.path.join(t.scratch, "ci-build")}

    def steps(text):
        env["SLABPOOL_CI_STEPS"] = t.file("steps", text)
        status, output = run(["bash", os.path.join(ROOT, ".ci", "run")], env=env)
        return status, output.strip().splitlines()[-1], output

    status, last, text = steps("step a echo '2 passed, 0 failed, 1 skipped'\nstep b true\n")
    t.ok(".ci/run sums its steps", (status, last) == (0, "3 passed, 0 failed, 1 skipped"), text)
    status, last, text = steps("step a sh -c 'echo 2 passed, 1 failed; exit 1'\nstep b true\n")
    t.ok(".ci/run goes on after a failure", (status, last) == (1, "3 passed, 1 failed"), text)
    status, last, text = steps("step a sh -c 'echo 2 passed, 0 failed; exit 1'\n")
    t.ok(".ci/run counts a status that nobody counted", (status, last) ==
         (1, "2 passed, 1 failed"), text)
    status, last, text = steps("step a no-such-command\nstep b true\n")
    t.ok(".ci/run counts a command that is not there", (status, last) ==
         (1, "1 passed, 1 failed"), text)
    status, last, text = steps("step a sh -c 'echo the reason; echo 1 passed, 1 failed; exit 1'\n"
                               "step b sh -c 'seq 1000'\n")
    t.ok(".ci/run shows again how what failed had ended", "the reason" in text[text.rfind("1000"):]
         and last == "2 passed, 1 failed", text[-500:])
    status, last, text = steps("true\n")
    t.ok(".ci/run without a check fails", (status, last) == (1, "0 passed, 0 failed"), text)
    lines = [line for line in text.splitlines() if re.match(r"\d+ passed", line)]
    t.ok(".ci/run has one line of counts", len(lines) == 1, text)
    status, text = run(["bash", os.path.join(ROOT, ".ci", "run"), "--help"])
    t.ok(".ci/run --help says what the nightly run is", status == 0 and
         "changed)" in text and "set -u" not in text, text)
    status, text = run(["bash", os.path.join(ROOT, ".ci", "run"), "--no-such-option"])
    t.ok(".ci/run with an unknown option", status == 2, text)


@check
def replay_fails(t):
    target = common.targets()[0]
    t.expect("ci/replay without a corpus fails", 1, "is missing or empty", "replay", "--sanitizer",
             "asan", "--target", target, "--corpus", os.path.join(t.scratch, "none"))
    os.makedirs(os.path.join(t.scratch, "empty", target), exist_ok=True)
    t.expect("ci/replay of an empty corpus fails", 1, "is missing or empty", "replay",
             "--sanitizer", "asan", "--target", target, "--corpus",
             os.path.join(t.scratch, "empty"))
    t.file(f"hollow/{target}/empty-file", "")
    t.expect("ci/replay of an empty input fails", 1, r"^\d+ passed, 1 failed$", "replay",
             "--sanitizer", "asan", "--target", target, "--corpus",
             os.path.join(t.scratch, "hollow"))


@check
def runs_that_differ_are_seen(t):
    for plant, text in (("run-remembered", "oracle trace"),
                        ("place-matters", "in a fresh process")):
        t.expect(f"ci/replay --determinism sees {plant}", 1, text, "replay", "--determinism",
                 "--target", "kmem_cache", "--plant", plant)


@check
def replay_uninitialised(t):
    """Under MSan, and there alone, who decides by what was in a freed object is found."""
    bug = ("--target", "kmem_cache", "--plant", "stale-content-decides")
    t.expect("ci/replay --sanitizer msan finds a read of a freed object's content", 1,
             "MemorySanitizer: use-of-uninitialized-value(.|\n)*in stale_alloc", "replay",
             "--sanitizer", "msan", *bug)
    t.expect("ci/replay --sanitizer msan: the corpus reads none", 0, r"^[1-9]\d+ passed, 0 failed$",
             "replay", "--sanitizer", "msan", "--target", "kmem_cache")
    t.expect("ci/replay --sanitizer msan with gcc", 2, "needs clang", "replay", "--sanitizer",
             "msan", "--compiler", "gcc")


@check
def sweep_finds(t):
    """What no input of the corpus fails at is found by failing everything in turn."""
    corpus = os.path.join(t.scratch, "swept")
    os.makedirs(os.path.join(corpus, "kmem_cache"), exist_ok=True)
    for name in ("constructor", "double-free"):
        shutil.copy(os.path.join(common.CORPUS, "kmem_cache", name),
                    os.path.join(corpus, "kmem_cache"))
    bug = ("--target", "kmem_cache", "--plant", "fault-after-a-fault")
    t.expect("ci/replay does not see a bug that needs two failures", 0, r"^2 passed, 0 failed$",
             "replay", "--sanitizer", "asan", "--corpus", corpus, *bug)
    text = t.expect("ci/replay --sweep sees it", 1, r"oracle left over(.|\n)*^0 passed, 2 failed$",
                    "replay", "--sweep", "--corpus", corpus, *bug)
    again = command_after(text or "", "repeat it")
    if t.ok("ci/replay --sweep tells how to repeat it", again, text or ""):
        status, output = run([os.path.join(ROOT, "ci", again[0]), *again[1:]], cwd=ROOT,
                             timeout=600)
        t.ok("the command fails as the sweep did", status == 1 and "oracle left over" in output,
             output)
    t.expect("ci/replay --sweep finds nothing where nothing is wrong", 0,
             r", [1-9]\d+ runs(.|\n)*^2 passed, 0 failed$", "replay", "--sweep", "--corpus", corpus,
             "--target", "kmem_cache")


@check
def stress_finds(t):
    """Each oracle of the stress test sees what it is for."""
    for bug, pattern in (("twice", r"ThreadSanitizer: data race.* in (fill|is_whole)$"),
                         ("lost", "not ok .*counts its live objects"),
                         ("unordered", "ThreadSanitizer: data race")):
        t.expect(f"ci/test --stress fails for what is {bug}", 1, pattern, "test", "--stress", "4",
                 env=dict(os.environ, STRESS_PLANT=bug))


@check
def race_is_found(t):
    """A lock left out is found in whichever order the threads come, and found again."""
    bug = ("--target", "threads", "--plant", "depot-lock-left-out")
    t.expect("ci/replay --sanitizer tsan finds a lock left out", 1,
             "ThreadSanitizer: data race", "replay", "--sanitizer", "tsan", *bug)
    t.expect("ci/replay --sanitizer tsan finds none where none is", 0,
             r"^[1-9]\d+ passed, 0 failed$", "replay", "--sanitizer", "tsan", "--target", "threads")


@check
def coverage_fails(t):
    coverage_tests(t)


def planted_bug():
    """The first planted bug of the list that the replay drivers print, and its target."""
    where = common.sanitized("asan")
    common.compile(where, ["fuzzers"])
    program = os.path.join(where, "fuzz", "fuzz_" + common.targets()[0])
    status, text = run([program, "--plants"])
    if status or not text.strip():
        raise Failure(f"{program} --plants: status {status}: {text}")
    words = text.splitlines()[0].split()
    return words[0], words[-1]


def command_after(text, heading):
    match = re.search(rf"^{heading}:\n  ci/(.*)$", text, re.M)
    return match.group(1).split() if match else None


@check
def fuzz_finds(t):
    """With a planted bug ci/fuzz finds it and tells three commands, which do what they say."""
    bug, target = planted_bug()
    status, text = t.ci("fuzz", "--time", "60", "--target", target, "--plant", bug)
    t.ok("ci/fuzz finds a planted bug", status == 1 and "=== finding in" in text and
         re.search(r"^0 passed, 1 failed$", text, re.M), text)
    words = re.search(r"^the input in words:\n((?:  .*\n)+)", text, re.M)
    words = words.group(1) if words else ""
    t.ok("ci/fuzz tells the input in words", "(" in words and "slabpool-trace:" not in words, text)
    replay, minimise = command_after(text, "replay"), command_after(text, "minimise")
    if not t.ok("ci/fuzz tells how to replay and to minimise", replay and minimise, text):
        return
    status, output = run([os.path.join(ROOT, "ci", replay[0]), *replay[1:]], cwd=ROOT, timeout=1200)
    t.ok("the replay command fails as the fuzzer did", status == 1 and
         re.search(r"passed, [1-9]\d* failed$", output, re.M), output)
    status, output = run([os.path.join(ROOT, "ci", minimise[0]), *minimise[1:], "--time", "10"],
                         cwd=ROOT, timeout=1200)
    t.ok("the minimise command makes it smaller", status == 0 and
         re.search(r"\.min: \d+ of \d+ bytes$", output, re.M), output)
    t.expect("ci/verify falls short with a planted bug", 1, r"^fuzz +FELL SHORT", "verify",
             "--only", "fuzz", "--time", "30", "--plant", bug)


@check
def fuzz_engines(t):
    """Each engine finds a planted bug; one that goes on finds it many times and tells it once."""
    bug, target = planted_bug()
    for name, needs, words in (("AFL++", "afl-fuzz", ("--engine", "afl")),
                               ("clang-14", "clang-14", ("--compiler", "clang-14"))):
        if not common.have(needs):
            t.results.skip(f"ci/fuzz with {name}", f"{needs} is not installed")
            continue
        t.expect(f"ci/fuzz with {name} finds a planted bug", 1, r"^0 passed, 1 failed$", "fuzz",
                 "--time", "60", "--target", target, "--plant", bug, *words)
        status, text = t.ci("fuzz", "--time", "2", "--target", target, "--empty", *words)
        row = re.search(rf"^{target} +([1-9]\d*) +([1-9]\d*) +([1-9]\d*) .* none$", text, re.M)
        t.ok(f"ci/fuzz with {name} finds none without", status == 0 and row, text)
    status, text = t.ci("fuzz", "--time", "12", "--fork", "2", "--empty", "--target", target,
                        "--plant", bug)
    times = re.search(r"^(\d+) inputs end so", text, re.M)
    t.ok("ci/fuzz --fork goes on after a finding", status == 1 and times and
         int(times.group(1)) > 1 and command_after(text, "replay"), text)
    left = os.path.join(BUILD, "fuzz", "fork", target, "tmp")
    t.ok("ci/fuzz --fork leaves nothing behind", not os.path.exists(left), left)


@check
def fuzz_signatures(t):
    """Findings are the same if they end with the same words, whatever their numbers."""
    one = "fuzz: oracle disjoint\nfuzz: at operation 3: a()\nfuzz: object 3 at 0x7f01, overlaps 1\n"
    two = one.replace("3", "14").replace("0x7f01", "0xabc")
    for name, other, same in (("other numbers", two, True),
                              ("another oracle", one.replace("disjoint", "guard"), False),
                              ("another message", one.replace("overlaps", "leaves"), False)):
        t.ok(f"ci/fuzz --fork: {name}", (fuzz_engines_of.signature(77, one) ==
                                         fuzz_engines_of.signature(77, other)) == same)


@check
def fuzz_is_guided(t):
    """libFuzzer counts the edges of the library, not only those of the harness around it."""
    target = common.targets()[0]
    status, text = t.ci("fuzz", "--time", "1", "--runs", "1", "--target", target)
    t.ok("ci/fuzz builds and runs a target once", status == 0, text)
    status, text = run([os.path.join(BUILD, "fuzz", "fuzz", "fuzz_" + target), "-runs=0",
                        "-print_coverage=1", os.path.join(ROOT, "corpus", target)])
    t.ok("the library guides libFuzzer", status == 0 and
         re.search(r"^COVERED_FUNC: hits: [1-9].*/src/core/slab\.c:", text, re.M), text)


@check
def fuzz_interrupted(t):
    """Ctrl-C ends ci/fuzz at once, with its fuzzers."""
    target = common.targets()[0]
    log = os.path.join(t.scratch, "interrupt.log")
    with open(log, "wb") as out:
        process = subprocess.Popen([os.path.join(ROOT, "ci", "fuzz"), "--time", "300", "--target",
                                    target], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                   env=environment(), start_new_session=True)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        with open(log) as file:
            if re.search(r"executions", file.read()):
                break
        time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    try:
        status = process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        status = None
        common.stop(process)
    left = subprocess.run(["pgrep", "-f", rf"^{re.escape(BUILD)}/fuzz/fuzz/fuzz_"], check=False,
                          capture_output=True, text=True).stdout.split()
    with open(log) as file:
        t.ok("Ctrl-C ends ci/fuzz with status 130 and no fuzzer left", status == 130 and not left,
             f"status {status}, left {left}\n{file.read()}")


@check
def corpus_refuses(t):
    target = common.targets()[0]
    name = sorted(os.listdir(os.path.join(common.CORPUS, target)))[0]
    known = os.path.join(common.CORPUS, target, name)
    t.expect("ci/corpus minimise refuses an input that passes", 1, "passes: there is nothing",
             "corpus", "minimise", "--target", target, known)
    t.expect("ci/corpus add does not take what is known", 1, "not taken", "corpus", "add",
             "--target", target, known)
    t.expect("ci/replay with a bug that is not planted", 1, "FUZZ_PLANT", "replay", "--sanitizer",
             "asan", "--target", target, "--plant", "no-such-bug")
    t.expect("ci/corpus count", 0, rf"^{target} +[1-9]", "corpus", "count")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def help_of(t, command):
    _, text = t.ci(*command, "--help")
    return text


@check
def readme(t):
    """What the README tells is there: commands, options, files, programs that compile and run."""
    with open(os.path.join(ROOT, "README.md")) as file:
        text = file.read()
    for line in "".join(blocks(text, "sh")).splitlines():
        for part in re.findall(r"\bci/[^&#]+", line):
            words = part.split()
            command = words[0].split("/")[1:] + (words[1:2] if words[0] == "ci/corpus" else [])
            missing = [word for word in words if word.startswith("--")
                       and word not in help_of(t, command)]
            t.ok(f"README: {part.strip()}", not missing, f"not in its help: {missing}")
    paths = re.findall(r"[`\s]((?:src|ci|fuzz|proofs|corpus|\.ci)/[\w./-]+)", text)
    for path in sorted(set(paths)):
        t.ok(f"README: {path}", os.path.exists(os.path.join(ROOT, path)))
    with open(os.path.join(ROOT, "src", "include", "slabpool", "slabpool.h")) as file:
        header = file.read().replace("\\\n", "")
    listed = re.findall(r'X\([\w ]+, (\w+), (\d+), (\d+), (\d+),\s*"([^"]*)"\)', header)
    shown = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) … (\d+) \| (.*) \|$", text, re.M)
    t.ok("README: the options are those of slabpool.h", listed and listed == shown,
         f"{set(listed) ^ set(shown)}")
    figures, data = bench_readme.read(os.path.join(bench_readme.RESULTS, "bench.json"))
    t.ok("README: the benchmark's table is that of src/bench/results",
         bench_readme.written(text, figures, data) == text, "run ci/bench --publish")
    figures.add("speed", "hot", 16, 0, "shared", 0, 1000.0, "")
    t.ok("README: another run makes another table",
         bench_readme.written(text, figures, data) != text)
    where = common.build("tools", common.TOOL_OPTIONS)
    for number, program in enumerate(blocks(text, "c"), 1):
        source = t.file(f"readme{number}.c", program)
        out = os.path.join(t.scratch, f"readme{number}")
        runs = "int main(" in program
        status, output = run(
            ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I",
             os.path.join(ROOT, "src", "include"), "-o", out, source,
             *(["-L", os.path.join(where, "src"), "-lslabpool"] if runs else ["-c"])])
        if status == 0 and runs:
            status, output = run([out], env={"LD_LIBRARY_PATH": os.path.join(where, "src")})
        t.ok(f"README: program {number} compiles" + (" and runs" if runs else ""), status == 0,
             output)


NO_MEMORY = """
#include <stddef.h>
void *__libc_malloc(size_t size);
void *malloc(size_t size)
{
	static int calls;
	return ++calls > CALLS ? NULL : __libc_malloc(size);
}
"""


@check
def bench_peers(t):
    """A peer that is missing is skipped by name; one that does not work is no peer."""
    t.file("nothing/ldconfig", "#!/bin/sh\n", 0o755)
    path = os.path.join(t.scratch, "nothing") + ":" + os.environ["PATH"]
    smoke = ("bench", "--smoke", "--driver", "shared", "--driver", "kmalloc")
    text = t.expect("ci/bench skips a missing peer by name", 0,
                    r"^skipped: mimalloc: package libmimalloc2.0 is not installed", *smoke,
                    env={"PATH": path})
    t.ok("ci/bench measures without it", text.splitlines()[-1] == "18 passed, 0 failed", text)
    source = t.file("no_memory.c", NO_MEMORY)
    for name, calls in (("never", 0), ("later", 800)):
        status, text = run(["cc", "-shared", "-fPIC", "-fno-builtin", f"-DCALLS={calls}", "-o",
                            os.path.join(t.scratch, f"lib{name}.so"), source])
        t.ok(f"a malloc that gives no memory, {name}, is built", status == 0, text)
    t.expect("ci/bench refuses a peer that gives no memory", 2, "is no malloc that can be",
             *smoke, "--peer", os.path.join(t.scratch, "libnever.so"))
    t.expect("ci/bench fails if a peer fails in the middle", 1, "later: 'run .* out of memory",
             *smoke, "--driver", "later", "--peer", os.path.join(t.scratch, "liblater.so"))


@check
def bench_interrupted(t):
    """Ctrl-C ends ci/bench at once, with its drivers."""
    log = os.path.join(t.scratch, "bench.log")
    with open(log, "wb") as out:
        process = subprocess.Popen([os.path.join(ROOT, "ci", "bench"), "--only", "speed",
                                    "--pattern", "fifo", "--rounds", "500"], stdout=out,
                                   stderr=out, stdin=subprocess.DEVNULL, env=environment(),
                                   start_new_session=True)
    drivers = ["pgrep", "-f", rf"^{re.escape(BUILD)}/bench/src/bench/bench-"]

    def alive():
        return subprocess.run(drivers, check=False, capture_output=True, text=True).stdout.split()
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None and len(alive()) < 3:
        time.sleep(0.2)
    t.ok("ci/bench keeps its drivers alive", len(alive()) >= 3)
    os.killpg(process.pid, signal.SIGINT)
    try:
        status = process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        status = None
        common.stop(process)
    left = alive()
    with open(log) as file:
        t.ok("Ctrl-C ends ci/bench with status 130 and no driver left", status == 130 and not left,
             f"status {status}, left {left}\n{file.read()}")


def bench_figures_of(values, sizes=None):
    """Figures of the pattern hot: {driver: nanoseconds}, the same at all sizes."""
    figures = bench_figures.Figures({name: "slabpool" if name == "shared" else "other"
                                     if name == "floor" else "peer" for name in values})
    for size in sizes or bench_figures.SIZES:
        for name, value in values.items():
            for number, factor in enumerate((0.5, 1, 7)):
                figures.add("speed", "hot", size, 0, name, number, value * factor, "ns")
    return figures


def bench_state(figures, row="hot to the best peer", form="shared"):
    return next((round(v.figure, 3), v.state) for v in bench_verdict.verdicts(figures)
                if (v.row, v.form) == (row, form))


@check
def bench_verdicts(t):
    """What is reached is told by medians, bounds and the right peer."""
    for name, values, expected in (
            ("at the bound", {"shared": 11, "glibc": 40, "quick": 10}, (1.1, "reached")),
            ("above it", {"shared": 11.5, "glibc": 40, "quick": 10}, (1.15, "not reached")),
            ("no peer is slower than newer ones to glibc",
             {"shared": 11, "glibc": 10, "quick": 10}, (1.93, "not reached")),
            ("the floor is no peer", {"shared": 11, "glibc": 40, "quick": 10, "floor": 1},
             (1.1, "reached"))):
        state = bench_state(bench_figures_of(values))
        t.ok(f"ci/bench's verdict: {name}", state == expected, f"{state}, expected {expected}")
    some = bench_figures_of({"shared": 5, "glibc": 10, "quick": 10}, (16, 64))
    t.ok("ci/bench's verdict: of two sizes in part", bench_state(some)[1] == "reached in part")
    for without in ("shared", "glibc"):
        values = {"shared": 5, "glibc": 10, "quick": 10}
        del values[without]
        state = bench_state(bench_figures_of(values))[1]
        t.ok(f"ci/bench's verdict: not measured without {without}", state == "not measured", state)
    states = {v.state for v in bench_verdict.verdicts(bench_figures.Figures({"inline": "x"}))
              if v.row != "both forms are offered"}
    t.ok("ci/bench's verdict: nothing is reached that was not measured",
         states == {"not measured"}, str(states))
    soaked = bench_figures.Figures({})
    for what, value in (("seconds", 5), ("early", 100), ("late", 100)):
        soaked.add("soak", what, 64, 0, "shared", 1, value, "")
    row = "growth of a producer and a consumer"
    t.ok("ci/bench's verdict: a short soak shows nothing",
         bench_state(soaked, row)[1] == "not measured")
    soaked.add("soak", "seconds", 64, 0, "shared", 1, 10**9, "")
    t.ok("ci/bench's verdict: a long one does", bench_state(soaked, row) == (1.0, "reached"))
    svg = bench_svg.svg(some, (16, 64), {"processor": "<&>", "cores": 1})
    xml.dom.minidom.parseString(svg)
    t.ok("ci/bench's plot has a bar a driver", svg.count("<title>") == 3, svg)


@check
def bench_traces(t):
    """Traces hold the calls that were recorded, sizes raised to a word."""
    words = ["object 0 = kmalloc(size=24, gfp=GFP_KERNEL)",
             "object 1 = kmalloc(size=1, gfp=KERNEL|ZERO)", "kfree(object 0)",
             "object 2 = krealloc(object 1, size=99, gfp=GFP_KERNEL)",
             "object 3 = kmalloc(size=40, gfp=GFP_KERNEL)"]
    expected = [0, 0, 24, 3, 1, 8, 1, 0, 8, 2, 1, 99, 0, 0, 40]
    trace = bench_trace.of_words(words).words.tolist()
    t.ok("ci/bench: a trace of words", trace == expected, f"{trace}, expected {expected}")
    # kmalloc 24, kmalloc 1 with __GFP_ZERO, kfree 1, krealloc 2 to 99, NULL, kmalloc 40, half one
    data = b"slabrec1" + bytes((6, 24, 0, 6, 1, 0x80, 2, 7, 1, 8, 2, 99, 0, 0x46, 9, 0,
                                6, 40, 0, 6, 0x80))
    trace = bench_trace.of_recording(data).words.tolist()
    t.ok("ci/bench: a trace of a recording", trace == expected, f"{trace}, expected {expected}")
    try:
        bench_trace.of_recording(b"something else")
        t.ok("ci/bench refuses what is no recording", False)
    except Failure as error:
        t.ok("ci/bench refuses what is no recording", "no recording" in str(error))


def work():
    hear_interrupts()
    cli = parser(__doc__)
    cli.add_argument("--only", metavar="WORD", default="")
    options = cli.parse_args()
    CHECKS.extend(test_corpus.CHECKS)
    chosen = [function for function in CHECKS if options.only in function.__name__]
    if not chosen:
        raise common.Usage(f"no check has '{options.only}' in its name; there are: "
                           f"{' '.join(function.__name__ for function in CHECKS)}")
    setup("base,fuzz")
    scratch = tempfile.mkdtemp(prefix="slabpool-test-ci-")
    tests = Tests(scratch)
    try:
        for function in chosen:
            try:
                function(tests)
            except Failure as error:
                tests.ok(f"{function.__name__} could be run", False, str(error))
    finally:
        shutil.rmtree(scratch)
    return tests.results.close(with_table=False)


if __name__ == "__main__":
    main(work)
