# SPDX-License-Identifier: MIT
"""usage: ci/fuzz [options]

Fuzzes each target for --time seconds with libFuzzer, or AFL++, under ASan+UBSan, starting from the
corpus. New inputs go to build/fuzz/new/<target>, never into corpus/ (see ci/corpus merge). On a
finding it prints the input in words, the command that replays it and the command that minimises it.
Ctrl-C ends all fuzzers; what they found stays.

A target stops at its first finding. For long runs, --fork N lets N processes go on for the whole
time; inputs that fail with the same words then count as one finding.

libFuzzer changes inputs operation by operation (fuzz/mutator.c). --compare fuzzes from nothing in
several ways at the same time, and fails if that reaches less than changing bytes does.

Exit status: 0 no finding, 1 a finding or a target that did not run, 2 bad usage."""

import os
import signal
import time

import fuzz_compare
from common import (CLANG, CORPUS, Failure, Results, Usage, clock, cores, main, parser,
                    pick_targets, plant, plant_option, positive, relative, say, setup, table)
from finding import tell
from fuzz_engines import AFL_CC, CLASSES, ENGINES, check_compiler, fuzzers

LONGEST = 4096  # bytes of an input


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--time", type=positive, default=60, metavar="S",
                     help="seconds for each target (default 60)")
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--jobs", type=positive, metavar="N",
                     help="targets that run at the same time (default: one a core, or --fork)")
    cli.add_argument("--engine", choices=ENGINES, default="libfuzzer",
                     help="what drives the targets (default libfuzzer)")
    cli.add_argument("--compiler", metavar="CC", help=f"clang-14, ...: its libFuzzer instead of "
                     f"that of {CLANG}")
    cli.add_argument("--fork", type=positive, metavar="N",
                     help="N processes for each target, which go on after a finding")
    cli.add_argument("--length", type=positive, default=LONGEST, metavar="BYTES",
                     help=f"longest input (default {LONGEST})")
    cli.add_argument("--empty", action="store_true", help="start from nothing, not from the corpus")
    cli.add_argument("--runs", type=positive, metavar="N", help="stop after N executions as well")
    cli.add_argument("--seed", type=positive, metavar="N", help="seed of the engine")
    cli.add_argument("--plain", action="store_true", help="change bytes, not operations")
    cli.add_argument("--compare", action="store_true", help="edges reached from nothing by "
                     "operations, bytes, with and without dictionary and value profile")
    cli.add_argument("--seeds", type=positive, metavar="N", default=3,
                     help="--compare: runs of each way (default 3)")
    cli.add_argument("--way", action="append", choices=list(fuzz_compare.WAYS),
                     help="--compare: only this way (repeatable)")
    plant_option(cli)
    cli.add_argument("--json", metavar="FILE", help="write counts and figures to FILE")
    options = cli.parse_args()
    if options.way and not options.compare:
        raise Usage("--way goes with --compare")
    if options.compare and (options.engine != "libfuzzer" or options.fork or options.plain):
        raise Usage("--compare has its own ways of running libFuzzer: leave out --engine, --fork "
                    "and --plain")
    return options


def progress(fuzzer):
    now = fuzzer.figures()
    say(f"  {fuzzer.target:12} {clock(now['seconds']):>5} of {clock(fuzzer.seconds)}  "
        f"{now['executions']:>10} executions  {now['per_second']:>7}/s  "
        f"{now['edges']:>5} edges  {now['corpus']:>5} inputs")


def finish(fuzzer, results, rows, plant):
    figures = fuzzer.figures()
    status = fuzzer.close()
    results.figures[fuzzer.target] = figures
    findings = fuzzer.found()
    for path, text, times in findings:
        tell(fuzzer.target, path, text, plant)
        if times > 1:
            say(f"{times} inputs end so; this is the smallest\n")
    fault = relative(findings[0][0]) if findings else ""
    if len(findings) > 1:
        fault = f"{len(findings)} findings, see above"
    figures["findings"] = len(findings)
    if not fault and status:
        fault = f"status {status}, see {relative(fuzzer.log)}"
        say("".join(fuzzer.read().splitlines(True)[-25:]))
    elif not fault and not figures["executions"]:
        fault = f"nothing was executed, see {relative(fuzzer.log)}"
    rows.append((fuzzer.target, figures["executions"], figures["per_second"], figures["edges"],
                 figures["corpus"], clock(figures["seconds"]), fault or "none"))
    results.check(f"fuzz {fuzzer.target}", not fault, fault, figures["seconds"])


def campaign(names, where, options, results):
    waiting, running, rows = list(names), [], []
    last = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                running.append(CLASSES[options.engine](waiting.pop(0), where, options))
            time.sleep(0.5)
            for fuzzer in [f for f in running if f.poll() is not None]:
                running.remove(fuzzer)
                finish(fuzzer, results, rows, options.plant)
            # A target that hangs in one input is ended by -timeout; this is the net below it.
            for fuzzer in running:
                if fuzzer.overdue():
                    fuzzer.end()
            if time.monotonic() - last >= min(10, max(2, options.time / 5)):
                last = time.monotonic()
                for fuzzer in running:
                    progress(fuzzer)
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for fuzzer in running:
            fuzzer.end()
            progress(fuzzer)
            fuzzer.close()
        raise
    return rows


def work():
    options = arguments()
    plant(options)
    if options.plain:
        os.environ["FUZZ_PLAIN_MUTATOR"] = "1"
    jobs = max(1, cores() // (options.fork or 1))
    options.jobs = options.jobs or jobs
    names = pick_targets(options.target)
    for name in names:
        if not options.empty and not os.path.isdir(os.path.join(CORPUS, name)):
            raise Failure(f"corpus/{name} is missing (--empty fuzzes without one)")
    setup("base,fuzz,engines" if options.compiler or options.engine != "libfuzzer" else "base,fuzz")
    check_compiler(options.engine, options.compiler)
    compiler = AFL_CC if options.engine == "afl" else options.compiler or CLANG
    say(f"building the targets with {compiler} ...")
    where = fuzzers(options.engine, options.compiler)
    if options.compare:
        return fuzz_compare.work(options, where, names)
    results = Results("fuzz")
    say(f"fuzzing {' '.join(names)}: {options.time} s each, {options.jobs} at a time")
    rows = campaign(names, where, options, results)
    say("\n" + table(("target", "executions", "per s", "edges", "inputs", "time", "finding"),
                     rows, "lrrrrrl"))
    return results.close(options.json, with_table=False)


if __name__ == "__main__":
    main(work)
