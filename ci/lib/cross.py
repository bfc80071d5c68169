# SPDX-License-Identifier: MIT
"""usage: ci/cross [options] [MACHINE...]

Builds slabpool for other machines and C libraries, and runs the unit tests and the corpora there:

  i386      32-bit x86, on the machine itself
  aarch64   64-bit ARM, under qemu-user
  s390x     a big-endian machine, under qemu-user
  musl      this machine with musl instead of glibc, and the shared library loaded by dlopen()
  cortex-m  no operating system: the core compiled with -ffreestanding and linked with -nostdlib
            must need nothing but memcpy and memset and the compiler's own arithmetic; the
            bare-metal example runs under qemu-system-arm

Without MACHINE all of them. A machine whose compiler is not installed counts as skipped (ci/setup
--only cross installs them); one that is named on the command line counts as failed then. Exit
status: 0 all passed, 1 something failed, 2 bad usage."""

import glob
import os
import time

from common import (CORPUS, Failure, ROOT, Results, Usage, build, builddir, count_tap, have, main,
                    meson_test, parser, relative, run, say, setup, tail, targets)

HERE = os.path.dirname(os.path.abspath(__file__))
# Compiler and emulator (or None).
MACHINES = {
    "i386": ("i686-linux-gnu-gcc", None),
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64"),
    "s390x": ("s390x-linux-gnu-gcc", "qemu-s390x"),
    "musl": ("musl-gcc", None),
    "cortex-m": ("arm-none-eabi-gcc", "qemu-system-arm"),
}
# What is tested: under an emulator only programs that meson itself starts with it, as a script
# that starts another program has no emulator to hand.
SUITES = ["--suite", "unit", "--suite", "examples"]
EMULATED_SUITES = ["--suite", "unit", "--no-suite", "fuzz"]
# What a freestanding program must bring.
BARE_NEEDS = {"memcpy", "memset"}
BARE_MACHINE = ["-mcpu=cortex-m3", "-mthumb"]


def arguments():
    cli = parser(__doc__)
    cli.add_argument("machine", nargs="*", metavar="MACHINE", help="one of " + ", ".join(MACHINES))
    cli.add_argument("--self-test", action="store_true",
                     help="check that what must fail does fail, nothing else")
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    options = cli.parse_args()
    for name in options.machine:
        if name not in MACHINES:
            raise Usage(f"no machine '{name}'; there are: {' '.join(MACHINES)}")
    return options


def missing(name):
    return [program for program in MACHINES[name] if program and not have(program)]


def replay(results, name, where, target):
    """The whole corpus of a target, in one process of its replay driver."""
    begin = time.monotonic()
    emulator = MACHINES[name][1]
    inputs = os.path.join(CORPUS, target)
    want = sum(len(names) for _, _, names in os.walk(inputs))
    driver = os.path.join(where, "fuzz", "fuzz_" + target)
    status, text = run([*([emulator] if emulator else []), driver, inputs], timeout=1800)
    counts = {"passed": 0, "failed": 0, "skipped": 0, "failures": [], "skips": []}
    seen = count_tap(target, text, counts)
    if status and not counts["failed"]:
        counts["failures"].append(f"{target}: status {status} after {seen} inputs")
        counts["failed"] += 1
    elif seen < want or want == 0:
        counts["failures"].append(f"{target}: {seen} of {want} inputs were replayed")
        counts["failed"] += 1
    if not results.add(f"{name} {target}", seconds=time.monotonic() - begin, **counts):
        say("\n".join(text.splitlines()[-40:]))


def hosted(results, name):
    """A machine with an operating system: unit tests, examples where they can run, corpora."""
    options = [f"--cross-file={HERE}/cross/{name}.ini", "--buildtype=debugoptimized", "--werror",
               "-Dtools=false", "-Dbench=false"]
    where = build(f"cross-{name}", options)
    emulated = MACHINES[name][1] is not None
    chosen = EMULATED_SUITES if emulated else SUITES
    # An emulator needs up to fifty times as long, above all to reserve address space.
    env = {"TEST_EMULATED": "1", "SLABPOOL_OPTIONS": "arena_mib=512"} if emulated else {}
    meson_test(results, name, where, [*chosen, "--timeout-multiplier", "10" if emulated else "2"],
               env)
    if results.steps[-1]["failed"]:
        say(tail(os.path.join(where, "test.log"), 60))
    for target in targets():
        replay(results, name, where, target)


def bare_sources():
    source = os.path.join(ROOT, "src")
    return [*sorted(glob.glob(os.path.join(source, "core", "*.c"))),
            *sorted(glob.glob(os.path.join(source, "api", "*.c"))),
            os.path.join(source, "platform", "bare.c"),
            os.path.join(source, "platform", "buffer.c")]


def arm(tool, *arguments):
    status, text = run(["arm-none-eabi-" + tool, *arguments])
    if status:
        raise Failure(f"for bare metal arm-none-eabi-{tool} says:\n{text}")
    return text


def undefined(where, more=()):
    """Compiles the core for bare metal, links it with the compiler's own library (64-bit division
    and the like), and returns what it still asks its surroundings for."""
    flags = ["-std=gnu11", "-Os", *BARE_MACHINE, "-ffreestanding", "-fno-builtin", "-Wall",
             "-Wextra", "-Wno-unused-parameter", "-Werror", "-DSLABPOOL_BARE",
             "-DSLABPOOL_PAGE_SHIFT=9", f"-I{ROOT}/src/include", f"-I{ROOT}/src"]
    os.makedirs(where, exist_ok=True)
    objects = []
    for path in [*bare_sources(), *more]:
        name = os.path.relpath(path, os.path.join(ROOT, "src")).replace(os.sep, "-")
        objects.append(os.path.join(where, name.lstrip(".-")[:-2] + ".o"))
        arm("gcc", *flags, "-c", path, "-o", objects[-1])
    whole = os.path.join(where, "slabpool.o")
    own = arm("gcc", *BARE_MACHINE, "-print-libgcc-file-name").strip()
    arm("ld", "-r", *objects, own, "-o", whole)
    return {line.split()[-1] for line in arm("nm", "-u", whole).splitlines() if line.strip()}


def bare(results, name):
    begin = time.monotonic()
    where = builddir(f"cross-{name}")
    wanted = undefined(where)
    results.check(f"{name} link", wanted <= BARE_NEEDS, seconds=time.monotonic() - begin,
                  note="needs " + ", ".join(sorted(wanted)))
    begin = time.monotonic()
    status, text = run([os.path.join(ROOT, "src", "examples", "bare_cortexm", "run.sh"),
                        "--build", os.path.join(where, "example")], timeout=300)
    if status:
        say(text)
    results.check(f"{name} example", status == 0, seconds=time.monotonic() - begin)


def self_test(results):
    """What must fail does fail."""
    where = builddir("cross-self-test")
    os.makedirs(where, exist_ok=True)
    source = os.path.join(where, "hosted.c")
    with open(source, "w") as file:
        file.write("char *getenv(const char *);\nint hosted(void);\n"
                   "int hosted(void) { return getenv(\"HOME\") != 0; }\n")
    if missing("cortex-m"):
        results.skip("self-test", "no compiler for bare metal")
    else:
        wanted = undefined(where, [source])
        results.check("a call of the C library is found", wanted - BARE_NEEDS == {"getenv"},
                      note=", ".join(sorted(wanted)))
    inner = Results("self-test")
    replay(inner, "i386", where, "no_such_target")
    results.check("a missing corpus fails", inner.total("failed") == 1)
    inner = Results("self-test")
    known = MACHINES["i386"]
    MACHINES["i386"] = ("no-such-compiler", None)
    one(inner, "i386", True)
    results.check("a machine asked for without its compiler fails", inner.total("failed") == 1)
    inner = Results("self-test")
    one(inner, "i386", False)
    results.check("otherwise it is skipped", inner.total("failed") == 0 and
                  inner.total("skipped") == 1 and inner.total("passed") == 0)
    MACHINES["i386"] = known


def one(results, name, asked_for):
    absent = missing(name)
    if absent and asked_for:
        results.add(name, failed=1,
                    failures=[f"{' '.join(absent)} missing: ci/setup --only cross installs it"])
    elif absent:
        results.skip(name, f"{' '.join(absent)} missing")
    else:
        say(f"{name} ...")
        try:
            (bare if name == "cortex-m" else hosted)(results, name)
        except Failure as error:
            say(str(error))
            results.add(name, failed=1, failures=[str(error).splitlines()[0]])


def work():
    options = arguments()
    results = Results("cross")
    if options.self_test:
        self_test(results)
        return results.close(options.json)
    setup("base,cross")
    for name in options.machine or MACHINES:
        one(results, name, bool(options.machine))
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
