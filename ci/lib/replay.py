# SPDX-License-Identifier: MIT
"""usage: ci/replay [options] [--target T] [FILE...]

Replays inputs through the fuzz targets' replay driver: without FILE the whole corpus of each
target, under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer, then
under MemorySanitizer (clang's), for which what is in an object that was freed is uninitialised, and
then for the same trace: each input twice in one process and once in a fresh one.
With FILE only these, with the operations in words first; the target is taken from the directory
(corpus/kmem_cache/...) or from --target.

With --sweep each input runs under each fault in turn: the Nth commit, reservation, lock, thread's
record or callback fails, for each N, once, for good, and with a second failure behind it. All
oracles hold. Without --all some N of each kind, spread evenly. --fault repeats one of these runs.

With --contracts the library checks its own contracts while it runs, those of src/core that are
proved or trusted (proofs/README.md): a violation is reported with clause, file and line.

An input that fails is told in words and as a C program, with the commands that replay it and make
it smaller.

Exit status: 0 every input passed, 1 one failed or a corpus is missing or empty, 2 bad usage."""

import os
import re
import time

import contracts
import determinism
import finding
from common import (CORPUS, ROOT, Results, Usage, compile, count_tap, main, parser, pick_targets,
                    plant, plant_option, positive, relative, run, sanitized, say, setup, tail,
                    targets, words)

KINDS = {"asan": "ASan+UBSan", "tsan": "TSan", "msan": "MSan", "plain": "no sanitizer"}


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--sanitizer", action="append", choices=sorted(KINDS),
                     help="asan (with UBSan), tsan, msan, plain; default: asan, tsan and, "
                          "without FILE, msan")
    cli.add_argument("--determinism", action="store_true",
                     help="only whether each input always does the same")
    cli.add_argument("--compiler", metavar="CC", help="default: the system's cc")
    cli.add_argument("--corpus", metavar="DIR", default=CORPUS,
                     help="directory with one directory a target (default: corpus)")
    cli.add_argument("--contracts", action="store_true",
                     help="compile the contracts in: a sample of the corpus")
    cli.add_argument("--sweep", action="store_true",
                     help="under each fault (with ASan+UBSan unless --sanitizer says otherwise)")
    cli.add_argument("--fault", metavar="F", help="under one fault, as a sweep names it: commit:5")
    cli.add_argument("--all", action="store_true",
                     help="--contracts: the whole corpus; --sweep: every N")
    cli.add_argument("--table", action="store_true",
                     help="--contracts: which clauses are checked, by function; runs nothing")
    cli.add_argument("--fuzz", type=positive, metavar="S",
                     help="--contracts: fuzz each target for S seconds with libFuzzer")
    plant_option(cli)
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    cli.add_argument("files", nargs="*", metavar="FILE")
    options = cli.parse_args()
    if (options.sweep or options.fault) and (options.contracts or options.determinism):
        raise Usage("--sweep and --fault go with neither --contracts nor --determinism")
    if options.sweep and options.fault:
        raise Usage("--fault is one run, --sweep is all: leave out one of them")
    if options.fault and not options.files:
        raise Usage("--fault is for a FILE")
    if not options.contracts:
        for name in ("all", "table", "fuzz"):
            if getattr(options, name) and not (name == "all" and options.sweep):
                raise Usage(f"--{name} goes with --contracts")
    elif options.sanitizer or options.compiler or options.determinism:
        raise Usage("--contracts has its own compiler and sanitizer")
    elif options.files and (options.all or options.table or options.fuzz):
        raise Usage("--all, --table and --fuzz take no FILE")
    if "msan" in (options.sanitizer or ()) and "gcc" in (options.compiler or ""):
        raise Usage(f"--sanitizer msan needs clang, not {options.compiler}")
    if options.determinism and options.sanitizer:
        raise Usage("--determinism has its own build: leave out --sanitizer")
    return options


def default_kinds(options):
    """MSan is clang's alone, and says nothing of a crash that ASan does not."""
    if options.sweep or options.fault:
        return ("asan",)
    foreign = options.compiler and "clang" not in options.compiler
    return ("asan", "tsan") if options.files or foreign else ("asan", "tsan", "msan")


def target_of(path):
    """The target that a file's place names, or None."""
    return next((part for part in reversed(os.path.abspath(path).split(os.sep)[:-1])
                 if part in targets()), None)


def driver_options(options, target):
    """What the driver is told about faults. A sweep without --all takes about a minute; where
    each run makes threads, it tries fewer."""
    if options.fault:
        return ["--fault", options.fault]
    if options.sweep:
        few = "1" if target == "threads" else "3"
        return ["--sweep"] if options.all else ["--sweep", "--most", few]
    return []


def tell_fault(target, text, plant):
    """The command that repeats the first run of a sweep that failed."""
    fault = re.search(r"^fuzz: under the fault (\S+)$", text, re.M)
    path = re.findall(r"^# (\S+/\S+)$", text[:fault.start()], re.M) if fault else []
    if path:
        more = f" --plant {plant}" if plant else ""
        say(f"repeat it:\n  ci/replay --target {target}{more} --fault {fault.group(1)} "
            f"{relative(path[-1])}")


def replay(results, where, kind, target, inputs, want, options):
    """One process of the driver over inputs; want is the number of checks it has to make."""
    begin = time.monotonic()
    log = os.path.join(where, f"replay-{target}.log")
    if os.path.exists(log):
        os.unlink(log)
    status, _ = run([os.path.join(where, "fuzz", "fuzz_" + target),
                     *driver_options(options, target), *inputs], log=log, cwd=ROOT,
                    timeout=7200 if options.sweep else 1800)
    with open(log, errors="replace") as file:
        text = file.read().split("\n", 2)[2]
    counts = {"passed": 0, "failed": 0, "skipped": 0, "failures": [], "skips": []}
    seen = count_tap(target, text, counts)
    last = []
    if status and not counts["failed"]:
        counts["failed"] += 1
        last = re.findall(r"^# (\S*/.*)$", text, re.M)
        counts["failures"].append(f"status {status} after {seen} inputs"
                                  + (f" ({last[-1]})" if last else ""))
    elif seen < want:
        counts["failed"] += 1
        counts["failures"].append(f"{seen} of {want} inputs were replayed")
    runs = sum(map(int, re.findall(r"^# (\d+) runs$", text, re.M)))
    held = results.add(f"{target}, {KINDS[kind]}", seconds=time.monotonic() - begin,
                       note=relative(log) if counts["failed"] else "", **counts)
    say(f"  {target:12} {KINDS[kind]:12} {counts['passed']} passed, {counts['failed']} failed"
        + (f", {runs} runs" if runs else ""))
    if held:
        return
    say(tail(log, 40))
    if options.sweep:
        tell_fault(target, text, options.plant)
    elif status and last and os.path.isfile(last[-1]) and "Bail out!" not in text:
        finding.tell(target, last[-1], text, options.plant, f"--sanitizer {kind}")


def files_below(directory):
    return [os.path.join(folder, name) for folder, _, names in os.walk(directory)
            for name in sorted(names)]


def work():
    options = arguments()
    plant(options)
    by_target = {}
    for file in options.files:
        if not os.path.isfile(file):
            raise Usage(f"cannot read '{file}'")
        target = (options.target or [target_of(file)])[0]
        if not target:
            raise Usage(f"which target is '{file}' for? Say --target, one of: "
                        f"{' '.join(targets())}")
        by_target.setdefault(target, []).append(os.path.abspath(file))
    if options.contracts:
        return contracts.work(options, by_target)
    kinds = () if options.determinism else options.sanitizer or default_kinds(options)
    results = Results("replay")
    if by_target:
        pick_targets(list(by_target))
    else:
        for target in pick_targets(options.target):
            by_target[target] = [os.path.join(options.corpus, target)]

    setup("base" if "msan" not in kinds else "base,fuzz")
    for kind in kinds:
        say(f"building for {KINDS[kind]} ...")
        where = sanitized(kind, options.compiler)
        compile(where, ["fuzzers"])
        for target, inputs in by_target.items():
            want = len(inputs)
            if options.files:
                if kind == (options.sanitizer or ["asan"])[0]:
                    for file in inputs:
                        say(words(target, file))
            else:
                want = len(files_below(inputs[0]))
                if not want:
                    results.check(f"{target}, {KINDS[kind]}", False,
                                  f"{relative(inputs[0])} is missing or empty")
                    continue
            replay(results, where, kind, target, inputs, want, options)
    if options.determinism or not (options.sanitizer or options.files or options.sweep):
        determinism.replay(results, {target: inputs if options.files else files_below(inputs[0])
                                     for target, inputs in by_target.items()}, options.compiler)
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
