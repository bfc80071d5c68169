# SPDX-License-Identifier: MIT
"""What drives the fuzz targets for ci/fuzz: libFuzzer of any clang, and AFL++.

Each class runs one target: it starts the processes, tells figures while they run, and says which
inputs failed. A campaign that goes on after a finding (--fork) has many of the same fault: they are
run once more, one by one, and those that end with the same words count as one."""

import glob
import hashlib
import os
import re
import shutil
import time

from common import (BUILD, CLANG, CORPUS, Failure, ROOT, SANITIZER_ENV, Usage, compile,
                    configure, have, relative, run, say, start, stop)

ENGINES = ("libfuzzer", "afl")
AFL_CC = "afl-clang-fast"
PULSE = re.compile(r"^#(\d+):?\s.*?cov: (\d+) ft: (\d+) corp: (\d+)\S* .*?exec/s:? (\d+)")
# The library takes nothing from malloc: only libFuzzer's copies of inputs would fill a large
# quarantine, and each would be on fresh pages of the system.
QUARANTINE = ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
ENVIRONMENT = {"ASAN_OPTIONS": SANITIZER_ENV["ASAN_OPTIONS"] + QUARANTINE}
LOOKED_AT = 300  # findings of one target that are run again to see which are the same
TIMEOUT = 25     # seconds for one input


def fuzzers(engine="libfuzzer", compiler=None):
    """Builds the targets for an engine and returns their directory."""
    options = ["--buildtype=debugoptimized", f"-Dfuzzing_engine={engine}", "-Db_lundef=false",
               "-Db_sanitize=address,undefined"]
    if engine == "afl":
        where = configure("fuzz-afl", options, AFL_CC, {"AFL_QUIET": "1"})
        # What does not guide is not counted; fuzz/meson.build writes the list.
        os.environ.update(AFL_QUIET="1",
                          AFL_LLVM_DENYLIST=os.path.join(where, "fuzz", "afl-denylist"))
    else:
        where = configure("fuzz" + (f"-{compiler}" if compiler else ""), options, compiler or CLANG)
    try:
        compile(where, ["fuzzers"])
    finally:
        os.environ.pop("AFL_LLVM_DENYLIST", None)
    return os.path.join(where, "fuzz")


def check_compiler(engine, compiler):
    """A compiler that cannot do it is refused before anything is built."""
    if engine == "afl":
        if compiler:
            raise Usage("--compiler goes with libFuzzer: AFL++ comes with a compiler of its own")
        if not have(AFL_CC) or not have("afl-fuzz"):
            raise Failure("AFL++ is not installed: ci/setup --only engines (package afl++)")
    elif compiler:
        if not re.match(r"^clang(-\d+)?$", os.path.basename(compiler)):
            raise Usage(f"--compiler {compiler}: libFuzzer is clang's: clang-14, for example")
        if not have(compiler):
            raise Usage(f"--compiler {compiler}: there is no such program; ci/setup --only "
                        "matrix,fuzz,engines installs the clangs that the distribution has")


class Engine:
    """One target under an engine. files: inputs that failed, oldest first."""

    patience = 120  # seconds above its time after which a target is ended

    def __init__(self, target, where, options):
        self.target = target
        self.options = options
        self.program = os.path.join(where, "fuzz_" + target)
        self.findings = os.path.join(BUILD, "findings", target)
        self.scratch = os.path.join(BUILD, "fuzz", "new", target)
        self.log = os.path.join(BUILD, "fuzz", f"{target}.log")
        self.seconds = options.time
        self.dictionary = os.path.join(ROOT, "fuzz", f"fuzz_{target}.dict")
        for folder in (self.findings, self.scratch):
            os.makedirs(folder, exist_ok=True)
        if options.empty:
            shutil.rmtree(self.scratch)
            os.makedirs(self.scratch)
        self.outputs, self.processes = [], []
        self.begin = time.monotonic()
        self.launch()

    def spawn(self, command, log, env):
        self.outputs.append(open(log, "wb"))
        self.processes.append(start(command, stdout=self.outputs[-1], stderr=self.outputs[-1],
                                    cwd=ROOT, env=env))

    def overdue(self):
        return time.monotonic() - self.begin > self.seconds + self.patience

    def poll(self):
        """None while it runs, then the first status that is not 0."""
        if any(process.poll() is None for process in self.processes):
            return None
        return next((p.returncode for p in self.processes if p.returncode), 0)

    def end(self):
        for process in self.processes:
            stop(process)

    def close(self):
        for output in self.outputs:
            output.close()
        return self.poll()

    def read(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def figures(self):
        """Executions, coverage and inputs so far."""
        found = dict.fromkeys(("executions", "edges", "features", "corpus", "per_second"), 0)
        self.fill(found)
        found["seconds"] = round(time.monotonic() - self.begin, 1)
        return found

    def keep(self, path, kind):
        """Copies an input to where findings are kept, by its hash as libFuzzer does."""
        with open(path, "rb") as file:
            data = file.read()
        kept = os.path.join(self.findings, f"{kind}-{hashlib.sha1(data).hexdigest()}")
        if not os.path.exists(kept):
            with open(kept, "wb") as file:
                file.write(data)
        return kept

    def again(self, path):
        """Runs one input alone. (status, output)"""
        return run([self.program, path], env=ENVIRONMENT, cwd=BUILD, timeout=4 * TIMEOUT)

    def distinct(self, files):
        """[(path, output, how many)], the smallest input of each fault first seen to end so."""
        faults = {}
        files = sorted(files, key=lambda path: (os.path.getsize(path), path))
        for path in files[:LOOKED_AT]:
            status, text = self.again(path)
            entry = faults.setdefault(signature(status, text), [path, text, 0])
            entry[2] += 1
        if len(files) > LOOKED_AT:
            say(f"  {self.target}: {len(files)} inputs failed; the {LOOKED_AT} smallest were "
                f"looked at, all are in {relative(self.findings)}")
        return [tuple(entry) for entry in faults.values()]


def signature(status, text):
    """The words that tell one fault from another: what an oracle or a sanitizer said, without
    numbers, addresses and handles."""
    if status == 0:
        return "it passes when it runs alone"
    if status == 124:
        return "it does not end"
    lines = re.findall(r"^fuzz: (?!at operation)(.*)$", text, re.M) or \
        re.findall(r"^SUMMARY: (.*)$", text, re.M) or \
        re.findall(r"^.*(?:ERROR|runtime error): (.*)$", text, re.M) or [f"status {status}"]
    return re.sub(r"0x[0-9a-f]+|\d+", "N", " / ".join(lines[:2]))


class LibFuzzer(Engine):
    """One process, which ends at the first finding; with --fork one that starts others for ever."""

    def launch(self):
        options = self.options
        self.mine = self.findings
        command = [self.program, self.scratch, f"-max_total_time={options.time}",
                   f"-max_len={options.length}", "-print_final_stats=1", f"-timeout={TIMEOUT}",
                   "-rss_limit_mb=4096", "-use_value_profile=0", "-reload=0"]
        env = dict(ENVIRONMENT)
        if options.fork:
            # It writes down what failed and says nothing: a directory of this run's own. A corpus
            # in which much fails is read in many steps.
            self.patience = 900
            self.mine = fresh(os.path.join(BUILD, "fuzz", "fork", self.target, "findings"))
            env["TMPDIR"] = fresh(os.path.join(BUILD, "fuzz", "fork", self.target, "tmp"))
            command += [f"-fork={options.fork}", "-ignore_crashes=1", "-ignore_timeouts=1",
                        "-ignore_ooms=1"]
        command.append(f"-artifact_prefix={self.mine}/")
        if not options.empty:
            command.insert(2, os.path.join(CORPUS, self.target))
        if options.plain:
            # What libFuzzer does if there is no mutator.
            command.append("-len_control=100")
        if options.runs:
            command.append(f"-runs={options.runs}")
        if options.seed:
            command.append(f"-seed={options.seed}")
        if os.path.exists(self.dictionary):
            command.append(f"-dict={self.dictionary}")
        self.spawn(command, self.log, env)

    def fill(self, found):
        text = self.read()
        for line in text.splitlines():
            match = PULSE.match(line)
            if match:
                found.update(zip(found, map(int, match.groups())))
        if self.options.fork:
            found["per_second"] = int(found["executions"] / max(1, time.monotonic() - self.begin))
            return
        for key, name in (("executions", "number_of_executed_units"),
                          ("per_second", "average_exec_per_sec")):
            match = re.search(rf"^stat::{name}:\s*(\d+)", text, re.M)
            if match:
                found[key] = int(match.group(1))

    def found(self):
        """[(path, output, how many)] of what failed."""
        if self.options.fork:
            names = [name for name in os.listdir(self.mine) if not name.startswith("slow")]
            return self.distinct([self.keep(os.path.join(self.mine, name), name.split("-")[0])
                                  for name in names])
        # An input that took long is no finding; one that takes TIMEOUT is.
        written = [path for path in re.findall(r"Test unit written to (\S+)", self.read())
                   if not os.path.basename(path).startswith("slow") and os.path.exists(path)]
        return [(written[-1], self.read(), 1)] if written else []

    def close(self):
        status = super().close()
        shutil.rmtree(os.path.join(BUILD, "fuzz", "fork", self.target, "tmp"), ignore_errors=True)
        return status


class Afl(Engine):
    """afl-fuzz in persistent mode, with --fork a main one and more beside it.

    No CMPLOG: it learns what a comparison wants, and the targets take every byte string for a
    program, so that there is nothing of the kind to learn."""

    def launch(self):
        options = self.options
        self.stopped = False
        self.out = fresh(os.path.join(BUILD, "fuzz", "afl", self.target))
        seeds = os.path.join(CORPUS, self.target)
        if options.empty:
            seeds = os.path.join(self.out, "seed")
            os.makedirs(seeds)
            with open(os.path.join(seeds, "zero"), "wb") as file:
                file.write(b"\0")
        sanitizers = "abort_on_error=1:symbolize=0:handle_abort=0:"
        env = {"ASAN_OPTIONS": sanitizers + ENVIRONMENT["ASAN_OPTIONS"].replace(
                   "abort_on_error=0:detect_leaks=1", "detect_leaks=0"),
               "UBSAN_OPTIONS": sanitizers + "halt_on_error=1:print_stacktrace=0",
               # afl-fuzz refuses those of others that it would not have chosen.
               "MSAN_OPTIONS": None, "LSAN_OPTIONS": None,
               "AFL_SKIP_CPUFREQ": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
               "AFL_NO_UI": "1", "AFL_NO_AFFINITY": "1", "AFL_NO_CRASH_README": "1",
               "AFL_NO_COLOR": "1", "AFL_BENCH_UNTIL_CRASH": None if options.fork else "1"}
        for number in range(options.fork or 1):
            command = ["afl-fuzz", "-i", seeds, "-o", os.path.join(self.out, "out"),
                       "-V", options.time, "-m", "none", "-t", TIMEOUT * 1000,
                       "-G", options.length]
            if options.fork:
                command += ["-M" if number == 0 else "-S", f"{number}"]
            if options.runs:
                command += ["-E", options.runs]
            if options.seed:
                command += ["-s", options.seed + number]
            if os.path.exists(self.dictionary):
                command += ["-x", self.dictionary]
            log = self.log if number == 0 else f"{self.log[:-4]}.{number}.log"
            self.spawn([*command, "--", self.program], log, env)

    def fill(self, found):
        """From the files that each afl-fuzz brings up to date now and then, and when it ends."""
        for folder in glob.glob(os.path.join(self.out, "out", "*")):
            stats, last = {}, [0] * 13
            for name in ("plot_data", "fuzzer_stats"):
                try:
                    with open(os.path.join(folder, name), errors="replace") as file:
                        text = file.read()
                except OSError:
                    continue
                rows = re.findall(r"^\d[^\n]*,[^\n]*$", text, re.M)
                stats.update(re.findall(r"^(\w+) +: (\d+)$", text, re.M))
                if rows and rows[-1].count(",") >= 12:
                    last = rows[-1].split(",")
            found["executions"] += max(int(last[11]), int(stats.get("execs_done", 0)))
            for key, value in (("edges", max(int(last[12]), int(stats.get("edges_found", 0)))),
                               ("corpus", max(int(last[3]), int(stats.get("corpus_count", 0))))):
                found[key] = max(found[key], value)
        found["features"] = found["edges"]
        found["per_second"] = int(found["executions"] / max(1, time.monotonic() - self.begin))

    def seeds_that_fail(self):
        """Seeds that end the target are left out by afl-fuzz with a warning: they are findings."""
        names = re.findall(r"Test case 'id:\d+,[^']*orig:([^']+)' results in a (?:crash|timeout)",
                           self.read())
        paths = [os.path.join(CORPUS, self.target, name) for name in names]
        return [path for path in paths if os.path.isfile(path)]

    def poll(self):
        if not self.options.fork and not self.stopped and self.seeds_that_fail():
            self.stopped = True
            self.end()
        return 0 if self.stopped else super().poll()

    def found(self):
        crashes = glob.glob(os.path.join(self.out, "out", "*", "crashes", "id:*"))
        hangs = glob.glob(os.path.join(self.out, "out", "*", "hangs", "id:*"))
        files = {self.keep(path, "crash") for path in crashes + self.seeds_that_fail()}
        found = self.distinct(files | {self.keep(path, "timeout") for path in hangs})
        return found if self.options.fork else found[:1]

    def close(self):
        """What it found new goes where ci/corpus merge looks for it, by its hash."""
        status = super().close()
        for path in glob.glob(os.path.join(self.out, "out", "*", "queue", "id:*")):
            if ",orig:" in path or ",sync:" in path:
                continue
            with open(path, "rb") as file:
                data = file.read()
            with open(os.path.join(self.scratch, hashlib.sha1(data).hexdigest()), "wb") as file:
                file.write(data)
        return status


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


CLASSES = {"libfuzzer": LibFuzzer, "afl": Afl}
