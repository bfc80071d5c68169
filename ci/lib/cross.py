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
import re
import time

from common import (CORPUS, Failure, ROOT, Results, Usage, build, builddir, count_tap, have, main,
                    meson_test, parser, relative, run, say, tail, targets)

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
SUITES = ("unit", "examples")
EMULATED_SUITES = ("unit",)
# What a freestanding program must bring, and what the compiler's own library holds.
BARE_NEEDS = {"memcpy", "memset"}
COMPILERS_OWN = re.compile(r"__aeabi_|__gnu_")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("machine", nargs="*", metavar="MACHINE", help="one of " + ", ".join(MACHINES))
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
    chosen = [part for suite in (EMULATED_SUITES if emulated else SUITES)
              for part in ("--suite", suite)]
    # An emulator needs up to fifty times as long.
    meson_test(results, name, where, [*chosen, "--timeout-multiplier", "10" if emulated else "2"])
    if results.steps[-1]["failed"]:
        say(tail(os.path.join(where, "test.log"), 60))
    for target in targets():
        replay(results, name, where, target)


def bare_sources():
    source = os.path.join(ROOT, "src")
    return [*sorted(glob.glob(os.path.join(source, "core", "*.c"))),
            *sorted(glob.glob(os.path.join(source, "api", "*.c"))),
            os.path.join(source, "platform", "bare.c"), os.path.join(source, "platform", "buffer.c")]


def undefined(where, prefix="arm-none-eabi-"):
    """Compiles the core for bare metal and returns what it asks its surroundings for."""
    flags = ["-std=gnu11", "-Os", "-mcpu=cortex-m3", "-mthumb", "-ffreestanding", "-fno-builtin",
             "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-DSLABPOOL_BARE",
             "-DSLABPOOL_PAGE_SHIFT=9", f"-I{ROOT}/src/include", f"-I{ROOT}/src"]
    os.makedirs(where, exist_ok=True)
    objects = []
    for path in bare_sources():
        name = os.path.relpath(path, os.path.join(ROOT, "src")).replace(os.sep, "-")
        objects.append(os.path.join(where, name[:-2] + ".o"))
        status, text = run([prefix + "gcc", *flags, "-c", path, "-o", objects[-1]])
        if status:
            raise Failure(f"{relative(path)} does not compile for bare metal:\n{text}")
    whole = os.path.join(where, "slabpool.o")
    status, text = run([prefix + "ld", "-r", *objects, "-o", whole])
    if status:
        raise Failure(f"the core does not link for bare metal:\n{text}")
    status, text = run([prefix + "nm", "-u", whole])
    if status:
        raise Failure(f"{prefix}nm failed:\n{text}")
    return {line.split()[-1] for line in text.splitlines() if line.strip()}


def bare(results, name):
    begin = time.monotonic()
    where = builddir(f"cross-{name}")
    wanted = undefined(where)
    foreign = sorted(symbol for symbol in wanted - BARE_NEEDS
                     if not COMPILERS_OWN.match(symbol))
    results.check(f"{name} link", not foreign, seconds=time.monotonic() - begin,
                  note="needs " + ", ".join(foreign or sorted(wanted & BARE_NEEDS)))
    begin = time.monotonic()
    status, text = run([os.path.join(ROOT, "src", "examples", "bare_cortexm", "run.sh"),
                        "--build", os.path.join(where, "example")], timeout=300)
    if status:
        say(text)
    results.check(f"{name} example", status == 0, seconds=time.monotonic() - begin)


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
    for name in options.machine or MACHINES:
        one(results, name, bool(options.machine))
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
