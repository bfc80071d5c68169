# SPDX-License-Identifier: MIT
"""usage: ci/fuzz [options]

Fuzzes each target for --time seconds with libFuzzer under ASan+UBSan, starting from the corpus.
New inputs go to build/fuzz/new/<target>, never into corpus/ (see ci/corpus merge). On a finding
it prints the input in words, the command that replays it and the command that minimises it.
Ctrl-C ends all fuzzers; what they found stays.

Exit status: 0 no finding, 1 a finding or a target that did not run, 2 bad usage."""

import os
import re
import shutil
import signal
import time

from common import (BUILD, CLANG, CORPUS, ROOT, SANITIZER_ENV, Failure, Results, build, clock,
                    cores, main, parser, pick_targets, plant, plant_option, positive, relative, say,
                    setup, start, stop, table, words)

PULSE = re.compile(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)/.*?exec/s: (\d+)")
LONGEST = 4096  # bytes of an input
# The library takes nothing from malloc: only libFuzzer's copies of inputs would fill a large
# quarantine, and each would be on fresh pages of the system.
ENVIRONMENT = {"ASAN_OPTIONS": SANITIZER_ENV["ASAN_OPTIONS"] +
               ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--time", type=positive, default=60, metavar="S",
                     help="seconds for each target (default 60)")
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--jobs", type=positive, default=cores(), metavar="N",
                     help="targets that run at the same time (default: one a core)")
    cli.add_argument("--engine", choices=["libfuzzer"], default="libfuzzer",
                     help="what drives the targets (default libfuzzer)")
    cli.add_argument("--length", type=positive, default=LONGEST, metavar="BYTES",
                     help=f"longest input (default {LONGEST})")
    cli.add_argument("--empty", action="store_true", help="start from nothing, not from the corpus")
    cli.add_argument("--runs", type=positive, metavar="N", help="stop after N executions as well")
    cli.add_argument("--seed", type=positive, metavar="N", help="libFuzzer's seed")
    plant_option(cli)
    cli.add_argument("--json", metavar="FILE", help="write counts and figures to FILE")
    return cli.parse_args()


def fuzzers():
    """Builds the libFuzzer targets and returns their directory."""
    options = ["--buildtype=debugoptimized", "-Dfuzzing_engine=libfuzzer", "-Db_lundef=false",
               "-Db_sanitize=address,undefined"]
    return os.path.join(build("fuzz", options, CLANG, ["fuzzers"]), "fuzz")


class Fuzzer:
    """One running libFuzzer process."""

    def __init__(self, target, where, options):
        self.target = target
        self.findings = os.path.join(BUILD, "findings", target)
        self.scratch = os.path.join(BUILD, "fuzz", "new", target)
        self.log = os.path.join(BUILD, "fuzz", f"{target}.log")
        self.seconds = options.time
        for folder in (self.findings, self.scratch):
            os.makedirs(folder, exist_ok=True)
        command = [os.path.join(where, "fuzz_" + target), self.scratch,
                   f"-max_total_time={options.time}", f"-max_len={options.length}",
                   f"-artifact_prefix={self.findings}/", "-print_final_stats=1", "-timeout=25",
                   "-rss_limit_mb=4096", "-use_value_profile=0", "-reload=0"]
        if not options.empty:
            command.insert(2, os.path.join(CORPUS, target))
        if options.runs:
            command.append(f"-runs={options.runs}")
        if options.seed:
            command.append(f"-seed={options.seed}")
        dictionary = os.path.join(ROOT, "fuzz", f"fuzz_{target}.dict")
        if os.path.exists(dictionary):
            command.append(f"-dict={dictionary}")
        if options.empty:
            shutil.rmtree(self.scratch)
            os.makedirs(self.scratch)
        self.output = open(self.log, "wb")
        self.begin = time.monotonic()
        self.process = start(command, stdout=self.output, stderr=self.output, cwd=ROOT,
                             env=ENVIRONMENT)

    def read(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def figures(self):
        """Executions, coverage and inputs so far, as libFuzzer told them last."""
        text = self.read()
        found = dict.fromkeys(("executions", "edges", "features", "corpus", "per_second"), 0)
        for line in text.splitlines():
            match = PULSE.match(line)
            if match:
                found.update(zip(found, map(int, match.groups())))
        for key, name in (("executions", "number_of_executed_units"),
                          ("per_second", "average_exec_per_sec")):
            match = re.search(rf"^stat::{name}:\s*(\d+)", text, re.M)
            if match:
                found[key] = int(match.group(1))
        found["seconds"] = round(time.monotonic() - self.begin, 1)
        return found

    def progress(self):
        now = self.figures()
        say(f"  {self.target:12} {clock(now['seconds']):>5} of {clock(self.seconds)}  "
            f"{now['executions']:>10} executions  {now['per_second']:>7}/s  "
            f"{now['edges']:>5} edges  {now['corpus']:>5} inputs")


def finding_of(fuzzer):
    """The file of the input that a fuzzer stopped at, or None."""
    match = re.search(r"Test unit written to (\S+)", fuzzer.read())
    return match.group(1) if match else None


def tell(target, path, text, plant):
    """What a person needs on a crash: what happened, the input in words, the two commands."""
    more = f" --plant {plant}" if plant else ""
    what = re.findall(r"^(?:.*oracle.*|SUMMARY: .*|.*ERROR: .*|slabpool: .*)$", text, re.M)
    say(f"\n=== finding in {target} ===")
    for line in dict.fromkeys(what[-6:]):
        say(f"  {line}")
    say("\nthe input in words:")
    say(words(target, path))
    say("\nreplay:")
    say(f"  ci/replay --target {target}{more} {relative(path)}")
    say("minimise:")
    say(f"  ci/corpus minimise --target {target}{more} {relative(path)}")
    say("keep as a regression, once it is mended:")
    say(f"  ci/corpus add --target {target} --name WHAT-IT-IS {relative(path)}\n")


def finish(fuzzer, results, rows, plant):
    status = fuzzer.process.returncode
    fuzzer.output.close()
    figures = fuzzer.figures()
    results.figures[fuzzer.target] = figures
    path = finding_of(fuzzer)
    fault = ""
    if path and os.path.exists(path):
        fault = relative(path)
        tell(fuzzer.target, path, fuzzer.read(), plant)
    elif status:
        fault = f"status {status}, see {relative(fuzzer.log)}"
        say("".join(fuzzer.read().splitlines(True)[-25:]))
    elif not figures["executions"]:
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
                running.append(Fuzzer(waiting.pop(0), where, options))
            time.sleep(0.5)
            for fuzzer in [f for f in running if f.process.poll() is not None]:
                running.remove(fuzzer)
                finish(fuzzer, results, rows, options.plant)
            # A target that hangs in one input is ended by -timeout; this is the net below it.
            for fuzzer in running:
                if time.monotonic() - fuzzer.begin > options.time + 120:
                    stop(fuzzer.process)
            if time.monotonic() - last >= min(10, max(2, options.time / 5)):
                last = time.monotonic()
                for fuzzer in running:
                    fuzzer.progress()
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for fuzzer in running:
            stop(fuzzer.process)
            fuzzer.progress()
        raise
    return rows


def work():
    options = arguments()
    plant(options)
    names = pick_targets(options.target)
    for name in names:
        if not options.empty and not os.path.isdir(os.path.join(CORPUS, name)):
            raise Failure(f"corpus/{name} is missing (--empty fuzzes without one)")
    setup("base,fuzz")
    say(f"building the targets with {CLANG} ...")
    where = fuzzers()
    results = Results("fuzz")
    say(f"fuzzing {' '.join(names)}: {options.time} s each, {options.jobs} at a time")
    rows = campaign(names, where, options, results)
    say("\n" + table(("target", "executions", "per s", "edges", "inputs", "time", "finding"),
                     rows, "lrrrrrl"))
    return results.close(options.json, with_table=False)


if __name__ == "__main__":
    main(work)
