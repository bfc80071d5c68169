# SPDX-License-Identifier: MIT
"""usage: ci/test [options]

All tests, from nothing to a last line "N passed, N failed". Each check of each program counts.
Steps, in this order:

  style     form of the sources (ci/style)
  unit      build with the system's compiler, warnings are errors; unit tests, corpus replay,
            examples, header tests, programs under the preload library
  sanitize  the same tests under ASan+UBSan (but for those of the kernel face and of the preload
            library), and the unit tests under TSan
  matrix    unit tests, corpus replay and examples with each compiler that is there: gcc 11
            and 12, clang 13, 14 and 19
  contracts the library with its own contracts compiled in (ci/replay --contracts)
  install   meson install; a client through pkg-config, in C, C++ and static; a kernel-style
            source; a project with slabpool as its subproject
  cross     32-bit, big-endian and bare-metal builds and their tests (ci/cross)
  bench     the benchmark runs (its figures are no test)
  gates     what must fail does fail: the commands in ci/ (ci/test-ci, ci/cross --self-test), the
            proofs (ci/test-prove), the contracts at run time (ci/test-contracts), the mutants
            (ci/test-mutate)

Exit status: 0 all passed, 1 something failed, 2 bad usage."""

import json
import os
import re
import shutil
import time

import finding
from common import (BUILD, CLANG, Failure, ROOT, Results, Usage, build, builddir, compile,
                    have, main, meson_test, parser, positive, relative, run, sanitized, say, setup,
                    tail)

STEPS = ("style", "unit", "sanitize", "matrix", "contracts", "install", "cross", "bench", "gates")
COMPILERS = ("gcc-11", "gcc-12", "clang-13", "clang-14", CLANG)


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--only", action="append", metavar="STEP", help="only this step (repeatable)")
    cli.add_argument("--skip", action="append", default=[], metavar="STEP",
                     help="without this step (repeatable)")
    cli.add_argument("--quick", action="store_true", help="same as --only unit")
    cli.add_argument("--compiler", action="append", metavar="CC",
                     help="compilers of the matrix (default: " + " ".join(COMPILERS) + ")")
    cli.add_argument("--stress", type=positive, metavar="S",
                     help="only the stress test, under TSan for S seconds: four threads do "
                          "everything at once")
    cli.add_argument("--seed", type=positive, metavar="N",
                     help="--stress: what the threads draw from (default: another each time)")
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    return cli.parse_args()


def attempt(results, step, work):
    """Runs a part of the tests; what raises is one failure, and the rest goes on."""
    begin = time.monotonic()
    try:
        work()
    except Failure as error:
        say(str(error))
        results.add(step, failed=1, seconds=time.monotonic() - begin,
                    failures=[str(error).splitlines()[0]])


def tests_in(results, step, options, compiler=None, arguments=(), env=None):
    def work():
        say(f"{step} ...")
        where = build(step.replace(" ", "-"), options, compiler)
        meson_test(results, step, where, arguments, env)
        if results.steps[-1]["failed"]:
            say(tail(os.path.join(where, "test.log"), 60))
            finding.tell_failed_tests(where)
    attempt(results, step, work)


def style(results, _):
    script(results, "style", ["style"])


def unit(results, _):
    tests_in(results, "unit", ["--buildtype=debugoptimized", "--werror"])


def sanitize(results, _):
    def one(kind, arguments):
        where = sanitized(kind)
        say(f"sanitize {kind} ...")
        compile(where)
        meson_test(results, f"sanitize {kind}", where, arguments)
        if results.steps[-1]["failed"]:
            say(tail(os.path.join(where, "test.log"), 60))
            finding.tell_failed_tests(where)
    attempt(results, "sanitize asan", lambda: one("asan", ["-t", "4", "--no-suite", "kernel"]))
    attempt(results, "sanitize tsan", lambda: one("tsan", ["-t", "4", "--suite", "unit"]))


def stress(results, options):
    """The unit test of that name, for longer and from another seed each time."""
    seed = options.seed or int.from_bytes(os.urandom(3), "big") + 1
    say(f"stress under TSan: {options.stress} s, --seed {seed} ...")

    def work():
        where = sanitized("tsan")
        compile(where, ["src/test/test_stress"])
        log = os.path.join(where, "stress.log")
        if os.path.exists(log):
            os.unlink(log)
        env = {"STRESS_SECONDS": str((options.stress + 1) // 2), "STRESS_SEED": str(seed)}
        status, _ = run([os.path.join(where, "src", "test", "test_stress")], log=log, env=env,
                        timeout=options.stress * 2 + 300)
        with open(log, errors="replace") as file:
            text = file.read()
        good = len(re.findall(r"^ok ", text, re.M))
        bad = len(re.findall(r"^not ok ", text, re.M))
        steps = sum(map(int, re.findall(r"(\d+) steps", text)))
        if status or bad:
            say("\n".join(re.findall(r"^not ok .*", text, re.M)))
            say(tail(log, 40))
        results.add("stress", good, max(bad, int(status != 0)), note=f"seed {seed}, {steps} steps",
                    failures=[f"status {status}, seed {seed}"] if status or bad else [])
    attempt(results, "stress", work)


def matrix(results, options):
    for compiler in options.compiler or COMPILERS:
        if have(compiler):
            # What depends on a compiler; the rest ran once, with the first. What compilers make of
            # an interposed malloc() two of them show.
            suites = ["--suite", "unit", "--suite", "fuzz", "--suite", "examples"]
            tests_in(results, f"matrix {compiler}", ["--buildtype=release", "--werror"], compiler,
                     suites + ([] if compiler == CLANG else ["--no-suite", "tools"]))
        else:
            results.skip(f"matrix {compiler}", f"{compiler} is not installed")


def contracts(results, _):
    script(results, "contracts", ["replay", "--contracts"])


def install(results, _):
    attempt(results, "install", lambda: InstallTest(results).run())


class InstallTest:
    """What a user does with an installed slabpool, and with slabpool as a subproject."""

    def __init__(self, results):
        self.results = results
        self.top = builddir("install")
        self.prefix = os.path.join(self.top, "prefix")
        self.source = os.path.join(ROOT, "ci", "install-test")
        self.log = os.path.join(self.top, "install.log")
        self.begin = time.monotonic()

    def check(self, what, held, text=""):
        if not held:
            say(f"install: {what}: {text}{tail(self.log)}")
        self.results.check(f"install: {what}", held, "" if held else f"see {relative(self.log)}",
                           time.monotonic() - self.begin)
        self.begin = time.monotonic()

    def do(self, command, **more):
        status, _ = run(command, log=self.log, **more)
        return status == 0

    def run(self):
        say("install ...")
        shutil.rmtree(self.top, ignore_errors=True)
        where = build("install", [f"--prefix={self.prefix}", "--libdir=lib", "--buildtype=release",
                                  "-Ddefault_library=both", "-Dtests=false", "-Dbench=false"])
        self.check("meson install", self.do(["meson", "install", "-C", where, "--no-rebuild"]))
        self.pkg_config()
        self.client("C", "cc", "client.c", [])
        self.gdb("C")
        self.client("C static", "cc", "client.c", ["-static"], static=True)
        if have("g++"):
            self.client("C++", "g++", "client.c", ["-x", "c++"])
        else:
            self.results.skip("install: C++", "g++ is not installed")
        # Kernel sources, and so the face, are not written for -Wunused-parameter.
        self.client("kernel face", "cc", "module.c", ["-Wno-unused-parameter"],
                    package="slabpool-kernel", wanted="module loaded.*module unloaded")
        self.subproject()

    def pkg(self, *arguments):
        env = {"PKG_CONFIG_PATH": os.path.join(self.prefix, "lib", "pkgconfig")}
        status, text = run(["pkg-config", *arguments], env=env)
        return text.split() if status == 0 else None

    def pkg_config(self):
        version = self.pkg("--modversion", "slabpool")
        self.check("pkg-config --modversion slabpool", version == ["0.1.0"], f"{version}\n")
        flags = self.pkg("--cflags", "slabpool") or []
        self.check("the kernel face is not on the ordinary include path",
                   flags and not any("kernel" in flag for flag in flags), f"{flags}\n")

    def client(self, what, compiler, source, options, package="slabpool", static=False,
               wanted="client done"):
        program = os.path.join(self.top, re.sub(r"\W", "-", what))
        flags = self.pkg("--cflags", package)
        libs = self.pkg("--libs", *(["--static"] if static else []), package)
        held = flags is not None and libs is not None and self.do(
            [compiler, "-Wall", "-Wextra", "-Werror", *options, "-O2", "-o", program,
             *flags, os.path.join(self.source, source),
             *(["-x", "none"] if "-x" in options else []),
             *libs])
        if held:
            status, text = run([program], env={"LD_LIBRARY_PATH": os.path.join(self.prefix, "lib")})
            held = status == 0 and re.search(wanted, text, re.S) is not None
            self.check(f"client, {what}", held, f"status {status}: {text}\n")
        else:
            self.check(f"client, {what}", False, f"flags {flags}, libs {libs}\n")

    def gdb(self, program):
        """gdb finds the commands by the library that the program loads."""
        if not have("gdb"):
            self.results.skip("install: gdb commands", "gdb is not installed")
            return
        scripts = os.path.join(self.prefix, "share", "gdb", "auto-load")
        words = ["gdb", "-q", "-nx", "-batch",
                 "-iex", f"add-auto-load-scripts-directory {scripts}",
                 "-iex", f"add-auto-load-safe-path {scripts}", "-ex", "break main", "-ex", "run",
                 "-ex", "help slabpool", os.path.join(self.top, program)]
        status, text = run(words, env={"LD_LIBRARY_PATH": os.path.join(self.prefix, "lib")})
        self.check("gdb loads its commands with the library",
                   status == 0 and "slabpool obj POINTER" in text, f"status {status}: {text}\n")

    def subproject(self):
        project = os.path.join(self.top, "project")
        os.makedirs(os.path.join(project, "subprojects"))
        for name in ("client.c", "meson.build"):
            shutil.copy(os.path.join(self.source, name), project)
        os.symlink(ROOT, os.path.join(project, "subprojects", "slabpool"))
        below = os.path.join(project, "build")
        held = self.do(["meson", "setup", below, project, "--wrap-mode=forcefallback"]) \
            and self.do(["ninja", "-C", below, "-j2"])
        self.check("subproject builds", held)
        status, text = run(["meson", "introspect", "--tests", below])
        names = [test["name"] for test in json.loads(text)] if status == 0 else None
        self.check("subproject brings no tests of its own", names == ["client"], f"{names}\n")
        self.check("client in the subproject's parent", self.do(["meson", "test", "-C", below]))


def script(results, step, command, absent="is not there"):
    """A command of ci/ that prints its own counts as its last line."""
    path = os.path.join(ROOT, "ci", command[0])
    if not os.path.exists(path):
        results.add(step, failed=1, failures=[f"ci/{command[0]} {absent}"])
        return
    say(f"{step}: ci/{' '.join(command)} ...")
    begin = time.monotonic()
    log = os.path.join(BUILD, re.sub(r"\W+", "-", step) + ".log")
    os.makedirs(BUILD, exist_ok=True)
    if os.path.exists(log):
        os.unlink(log)
    status, _ = run([path, *command[1:]], log=log, timeout=3600)
    add_counts(results, step, status, log, time.monotonic() - begin)
    if results.steps[-1]["failed"]:
        said = re.findall(r"^not ok .*\n(?:# .*\n)*", tail(log, 100000), re.M)
        say("".join(said) + tail(log, 60))


def add_counts(results, step, status, log, seconds):
    """Takes over the last line of a command: N passed, N failed[, N skipped]."""
    match = None
    for match in re.finditer(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$",
                             tail(log, 100000), re.M):
        pass
    passed, failed, skipped = (int(n or 0) for n in match.groups()) if match else (0, 0, 0)
    failures, skips = [], []
    text = tail(log, 400)
    if failed:
        failures = re.findall(r"^  (\S.*)$", text.split("\nfailed:\n")[-1].split("\n\n")[0], re.M) \
            if "\nfailed:\n" in text else [f"see {relative(log)}"]
    if skipped:
        skips = re.findall(r"^  (\S.*)$", text.split("\nskipped:\n")[-1].split("\n\n")[0], re.M) \
            if "\nskipped:\n" in text else [f"{step}: see {relative(log)}"]
    if status and not failed:
        failed, failures = 1, [f"status {status}, see {relative(log)}"]
    if not status and not match:
        failed, failures = 1, [f"it told no counts, see {relative(log)}"]
    results.add(step, passed, failed, skipped, seconds, failures, skips)


def cross(results, _):
    script(results, "cross", ["cross"])


def bench(results, _):
    script(results, "bench", ["bench", "--smoke"])


def gates(results, _):
    script(results, "gates: commands", ["test-ci"])
    script(results, "gates: cross", ["cross", "--self-test"])
    script(results, "gates: proofs", ["test-prove"])
    script(results, "gates: contracts", ["test-contracts"])
    script(results, "gates: mutants", ["test-mutate"])


def work():
    options = arguments()
    if options.seed and not options.stress:
        raise Usage("--seed goes with --stress")
    if options.stress:
        setup("base")
        results = Results("test")
        stress(results, options)
        return results.close(options.json)
    chosen = ["unit"] if options.quick else list(options.only or STEPS)
    for name in chosen + options.skip:
        if name not in STEPS:
            raise Usage(f"no step '{name}'; there are: {' '.join(STEPS)}")
    chosen = [name for name in STEPS if name in chosen and name not in options.skip]
    if not chosen:
        raise Usage("no step is left")
    setup("base" if chosen == ["unit"] else "base,matrix,fuzz,prove,programs,cross")
    results = Results("test")
    for name in chosen:
        globals()[name](results, options)
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
