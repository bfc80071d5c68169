# SPDX-License-Identifier: MIT
"""usage: ci/replay [options] [--target T] [FILE...]

Replays inputs through the fuzz targets' replay driver: without FILE the whole corpus of each
target, under AddressSanitizer with UndefinedBehaviorSanitizer and then under ThreadSanitizer.
With FILE only these, with the operations in words first; the target is taken from the directory
(corpus/kmem_cache/...) or from --target.

With --contracts the library checks its own contracts while it runs, those of src/core that are
proved or trusted (proofs/README.md): a violation is reported with clause, file and line.

Exit status: 0 every input passed, 1 one failed or a corpus is missing or empty, 2 bad usage."""

import os
import re
import time

import contracts
from common import (CORPUS, ROOT, Results, Usage, compile, count_tap, main, parser, pick_targets,
                    plant, plant_option, positive, relative, run, sanitized, say, setup, tail,
                    targets, words)

KINDS = {"asan": "ASan+UBSan", "tsan": "TSan", "plain": "no sanitizer"}


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--sanitizer", action="append", choices=sorted(KINDS),
                     help="asan (with UBSan), tsan, plain; default: asan and tsan")
    cli.add_argument("--compiler", metavar="CC", help="default: the system's cc")
    cli.add_argument("--corpus", metavar="DIR", default=CORPUS,
                     help="directory with one directory a target (default: corpus)")
    cli.add_argument("--contracts", action="store_true",
                     help="compile the contracts in: a sample of the corpus")
    cli.add_argument("--all", action="store_true", help="--contracts: the whole corpus")
    cli.add_argument("--table", action="store_true",
                     help="--contracts: which clauses are checked, by function; runs nothing")
    cli.add_argument("--fuzz", type=positive, metavar="S",
                     help="--contracts: fuzz each target for S seconds with libFuzzer")
    plant_option(cli)
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    cli.add_argument("files", nargs="*", metavar="FILE")
    options = cli.parse_args()
    if not options.contracts:
        for name in ("all", "table", "fuzz"):
            if getattr(options, name):
                raise Usage(f"--{name} goes with --contracts")
    elif options.sanitizer or options.compiler:
        raise Usage("--contracts has its own compiler and sanitizer")
    elif options.files and (options.all or options.table or options.fuzz):
        raise Usage("--all, --table and --fuzz take no FILE")
    return options


def target_of(path):
    """The target that a file's place names, or None."""
    return next((part for part in reversed(os.path.abspath(path).split(os.sep)[:-1])
                 if part in targets()), None)


def replay(results, where, kind, target, inputs, want):
    """One process of the driver over inputs; want is the number of checks it has to make."""
    begin = time.monotonic()
    log = os.path.join(where, f"replay-{target}.log")
    if os.path.exists(log):
        os.unlink(log)
    status, _ = run([os.path.join(where, "fuzz", "fuzz_" + target), *inputs], log=log, cwd=ROOT,
                    timeout=1800)
    with open(log, errors="replace") as file:
        text = file.read().split("\n", 2)[2]
    counts = {"passed": 0, "failed": 0, "skipped": 0, "failures": [], "skips": []}
    seen = count_tap(target, text, counts)
    if status and not counts["failed"]:
        counts["failed"] += 1
        last = re.findall(r"^# (\S.*)$", text, re.M)
        counts["failures"].append(f"status {status} after {seen} inputs"
                                  + (f" ({last[-1]})" if last else ""))
    elif seen < want:
        counts["failed"] += 1
        counts["failures"].append(f"{seen} of {want} inputs were replayed")
    held = results.add(f"{target}, {KINDS[kind]}", seconds=time.monotonic() - begin,
                       note=relative(log) if counts["failed"] else "", **counts)
    say(f"  {target:12} {KINDS[kind]:12} {counts['passed']} passed, {counts['failed']} failed")
    if not held:
        say(tail(log, 40))


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
    results = Results("replay")
    if by_target:
        pick_targets(list(by_target))
    else:
        for target in pick_targets(options.target):
            by_target[target] = [os.path.join(options.corpus, target)]

    setup("base")
    for kind in options.sanitizer or ("asan", "tsan"):
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
            replay(results, where, kind, target, inputs, want)
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
