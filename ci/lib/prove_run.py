# SPDX-License-Identifier: MIT
"""Frama-C as ci/prove calls it: the options, one process after another, and what it reports.

Verdicts come from WP's JSON report, from the property table (-report-csv) and from the list of
warnings (-report-classify); the log is only counted for the progress display."""

import csv
import hashlib
import json
import os
import re
import shutil
import sys
import threading
import time

from common import Failure, ROOT, Usage, clock, run, say, start, stop

MACHDEPS = ("gcc_x86_64", "gcc_x86_32")
PARSE = ["-c11", "-no-unicode", "-cpp-extra-args=-Isrc/include -Isrc",
         "-kernel-warn-key", "typing:implicit-function-declaration=abort",
         "-kernel-warn-key", "annot:missing-spec=abort"]
# pedantic-assigns: a pointer result without \from only makes WP's hint about memory-model
# hypotheses coarser; a missing assigns is found by ci/prove itself.
PROVE = ["-warn-unsigned-overflow", "-warn-unsigned-downcast", "-warn-signed-downcast",
         "-rte-no-pointer-call", "-wp", "-wp-rte", "-wp-model", "Typed",
         "-wp-warn-key", "pedantic-assigns=inactive"]
# Smoke tests have no category of their own: all others are taken out.
NO_GOALS = "-wp-prop=" + ",".join("-@" + category for category in (
    "lemma requires assigns ensures exits assert invariant variant breaks continues returns "
    "complete_behaviors disjoint_behaviors terminates decreases check").split())
PROVERS = {"qed": "Qed", "CVC4": "cvc4", "Z3": "z3"}
TOOLS = {"frama-c": ("frama-c-base", ["frama-c", "-version"]),
         "why3": ("why3", ["why3", "--version"]),
         "z3": ("z3", ["z3", "--version"]), "cvc4": ("cvc4", ["cvc4", "--version"]),
         "gcc": ("gcc", ["gcc", "--version"]), "nm": ("binutils", ["nm", "--version"])}


def versions():
    """{tool: version}, or Usage that says what is missing."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        packages = " ".join(TOOLS[name][0] for name in missing)
        raise Usage(f"{', '.join(missing)} not found: run 'ci/setup --only prove', or install the "
                    f"packages {packages}")
    found = {}
    for name, (_, command) in TOOLS.items():
        _, text = run(command)
        match = re.search(r"\d+\.\d+[\w.-]*(?: \([A-Z]\w+\))?", text)
        found[name] = match.group() if match else text.split("\n", 1)[0]
    return found


def compiled_functions(path, output):
    """(the functions in the object code of a file, what the compiler said); None if it failed."""
    status, text = run(["gcc", "-std=gnu11", "-O0", "-fkeep-inline-functions",
                        "-fkeep-static-functions", "-Isrc/include", "-Isrc", "-c", path, "-o",
                        output], cwd=ROOT)
    if status:
        return None, text
    status, text = run(["nm", "--defined-only", output])
    if status:
        raise Failure(f"nm cannot read the object code of {path}: {text.strip()}")
    return {words[2].split(".")[0] for words in map(str.split, text.splitlines())
            if len(words) == 3 and words[1] in "tTwW"}, text


class Scratch:
    """The directory for everything that Frama-C and Why3 write, with a Why3 configuration of its
    own, so that neither the tree nor the user's home changes."""

    def __init__(self, where):
        self.where = where
        self.env = {"HOME": self.path("home"), "XDG_CONFIG_HOME": None, "WHY3CONFIG": None,
                    "FRAMAC_WP_CACHE": None, "FRAMAC_WP_CACHEDIR": None, "FRAMAC_SESSION": None,
                    "TMPDIR": self.path("tmp")}
        for name in ("home", "tmp"):
            os.makedirs(self.path(name))
        with open(self.path("rules.json"), "w") as file:
            file.write("[]")
        # WP's own JSON has no times; this asks for the slowest goal of each function.
        with open(self.path("spec"), "w") as file:
            file.write('@SUFFIX ".times"\n@ZERO "0"\n@FUNCTION\n%function\t%perf\n')
        status, text = run(["why3", "config", "detect"], env=self.env)
        if status or not re.search(r"Z3", text) or not re.search(r"CVC4", text):
            raise Failure("why3 config detect did not find z3 and cvc4:\n" + text.strip())

    def path(self, *parts):
        return os.path.join(self.where, *parts)


class Job:
    """One Frama-C process."""

    def __init__(self, scratch, kind, file, machdep, options):
        self.kind, self.file, self.machdep = kind, file, machdep
        self.name = os.path.basename(file)[:-2]
        self.where = scratch.path(f"{kind}-{self.name}-{machdep}")
        self.scratch, self.options = scratch, options
        self.root = ROOT    # where the sources are
        self.done = self.all = 0
        self.process = self.thread = None
        self.begin = self.seconds = 0.0
        self.log = []
        self.open = []      # goals that no prover could prove, as they come
        self.goal_times = []  # (seconds, goal)
        self.stopped = False
        self.kept = None    # where a finished run's output is kept, if it is
        self.recalled = False

    def out(self, name):
        return os.path.join(self.where, name)

    def command(self):
        head = ["frama-c", *PARSE, "-machdep", self.machdep, self.file]
        if self.kind == "parse":
            return head + ["-print", "-ocode", self.out("unit.c"), *self.options]
        head += ["-report-rules", self.scratch.path("rules.json"), "-session", self.out("session"),
                 *PROVE, "-wp-report-json", self.out("goals.json"),
                 "-wp-report", self.scratch.path("spec"),
                 "-wp-report-basename", self.out("slowest"),
                 "-report-classify", "-report-output", self.out("events.json"), *self.options]
        if self.kind == "prove" and "-wp-skip-fct" in self.options:  # leaves out lemmas too
            head += ["-then", "-wp-skip-fct=-@all", "-wp-prop=@lemma"]
        return head + ["-then", "-no-wp", "-report-csv", self.out("properties.csv")]

    def start(self):
        os.makedirs(self.where)
        self.begin = time.monotonic()
        # Frama-C takes relative names from PWD, not from where it runs.
        self.process = start(self.command(), cwd=self.root, stdout=-1, stderr=-2, text=True,
                             env=dict(self.scratch.env, PWD=self.root), errors="replace")
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        for line in self.process.stdout:
            self.log.append(line.rstrip("\n"))
            match = re.match(r"\[wp\] (\d+) goals? scheduled", line)
            if match:
                self.all += int(match.group(1))
            match = re.match(r"\[wp\] \[(?!CFG)([^]]*)\] (Goal|Smoke-test) (\w+)(.*)", line)
            if match:
                self.done += 1
                who, what, goal, verdict = match.groups()
                if what == "Goal" and who != "Qed" and not verdict.startswith(" : Valid"):
                    self.open.append(goal)
                took = re.search(r"\(([\d.]+)(ms|s)\)", verdict)
                if took and what == "Goal":
                    self.goal_times.append((float(took.group(1)) / (1000 if took.group(2) == "ms"
                                                                    else 1), goal))

    def keep_in(self, where, *parts):
        """Names the place for the output of this run: the same for the same unit, options and
        tools."""
        mark = hashlib.sha256("\0".join(
            (self.kind, *parts, *(option for option in self.options
                                  if self.scratch.where not in option))).encode())
        for directory, _, names in sorted(os.walk(self.where + "-scripts")):
            for name in sorted(names):
                with open(os.path.join(directory, name), "rb") as file:
                    mark.update(file.read())
        self.kept = os.path.join(where, f"{self.kind}-{self.name}-{mark.hexdigest()[:32]}")

    def keep_parsed(self, where, *parts):
        """The same for the parse of a unit: the files that it includes name it, whole. For the
        tests of ci/prove, which call it for nearly the same sources again and again."""
        status, text = run(["gcc", "-MM", "-MT", "", "-D__FRAMAC__", "-Isrc/include", "-Isrc",
                            self.file], cwd=self.root)
        if status:
            return
        for name in sorted(set(text.replace("\\\n", " ").strip(" :\n").split())):
            with open(os.path.join(self.root, name), errors="replace") as file:
                parts += (name, file.read())
        self.keep_in(where, self.file, self.machdep, *parts)

    def recall(self):
        """Takes the kept output of such a run; False if there is none."""
        if not self.kept or not os.path.exists(os.path.join(self.kept, "job.json")):
            return False
        shutil.copytree(self.kept, self.where)
        data = load(self.out("job.json"))
        self.done = self.all = data["done"]
        self.open, self.seconds = data["open"], data["seconds"]
        self.goal_times = [tuple(pair) for pair in data["goal_times"]]
        self.recalled = True
        return True

    def keep(self):
        """Keeps the output of a finished run; whole or not at all, should this be cut short. A
        goal without a proof may have one when the machine has less to do."""
        if not self.kept or self.status or self.stopped or self.recalled or self.open:
            return
        part = self.kept + ".part"
        shutil.rmtree(part, ignore_errors=True)
        left = ["session"] if self.kind == "parse" else ["session", "unit.c"]
        shutil.copytree(self.where, part, ignore=shutil.ignore_patterns(*left))
        with open(os.path.join(part, "job.json"), "w") as file:
            json.dump({"done": self.done, "open": self.open, "seconds": self.seconds,
                       "goal_times": self.goal_times}, file)
        shutil.rmtree(self.kept, ignore_errors=True)
        os.rename(part, self.kept)

    def finish(self):
        """True when the process has ended."""
        if self.process.poll() is None:
            return False
        self.thread.join(timeout=10)
        self.seconds = time.monotonic() - self.begin
        return True

    @property
    def status(self):
        return 0 if self.recalled else self.process.returncode

    def message(self):
        """What Frama-C said when it gave up, as one text."""
        lines = [line for line in self.log if not re.match(r"\[(wp|rte)[^]]*\] ?(\[|annot)", line)]
        return "\n".join(lines[-8:]) or f"status {self.status}"

    def title(self):
        return f"{self.kind} {self.name} {self.machdep}"


def run_jobs(jobs, parallel, quiet=False, give_up=0):
    """Runs the jobs, at most parallel at a time, and shows how far they are. A job with give_up
    open goals is stopped: each costs all of its time limit, and the verdict is clear."""
    tty = sys.stdout.isatty() and not quiet
    waiting, running = list(jobs), []
    begin = shown = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                job = waiting.pop(0)
                if job.recall():
                    if quiet:
                        continue
                    say(f"  {job.title():<36} {job.done} goals, kept from an earlier run")
                    continue
                running.append(job)
                job.start()
            for job in running:
                if give_up and len(job.open) >= give_up and not job.stopped:
                    job.stopped = True
                    stop(job.process)
            for job in [job for job in running if job.finish()]:
                running.remove(job)
                job.keep()
                if not quiet:
                    if tty:
                        print("\r\033[K", end="")
                    goals = f"{job.done} goals, " if job.done else ""
                    say(f"  {job.title():<36} {goals}{clock(job.seconds)}"
                        + (f", status {job.status}" if job.status else ""))
            now = time.monotonic()
            if running and not quiet and now - shown >= (0.5 if tty else 30):
                shown = now
                text = ", ".join(f"{job.title()} {job.done}/{job.all or '?'}" for job in running)
                left = f"{len(waiting)} waiting" if waiting else ""
                line = "  " + " | ".join(part for part in (clock(now - begin), text, left) if part)
                if tty:
                    width = shutil.get_terminal_size().columns
                    print("\r\033[K" + line[:width - 1], end="", flush=True)
                else:
                    say(line)
            if running:
                time.sleep(0.1)
    finally:
        if tty:
            print("\r\033[K", end="", flush=True)
        for job in running:
            stop(job.process)


# Reports ------------------------------------------------------------------------------------------

def load(path):
    with open(path) as file:
        return json.load(file)


def prover_name(key):
    return PROVERS.get(key.split(":")[0], key)


def slowest(path):
    """{function: text} of WP's own report."""
    found = {}
    try:
        with open(path) as file:
            for line in file:
                name, _, text = line.rstrip("\n").partition("\t")
                found[name] = text.strip("()")
    except OSError:
        pass
    return found


class Report:
    """What a finished proof job found, by function. Lemmas stand under the name 'lemmas'."""

    def __init__(self, job):
        self.total, self.valid, self.provers, self.failed = {}, {}, {}, {}
        data = load(job.out("goals.json")) or {}
        self.lemmas = {}  # name: proved
        sections = dict(data.get("wp:functions") or {})
        for part in (data.get("wp:axiomatics") or {}).values():
            sections.setdefault("lemmas", {}).update(part)
        for name, goals in sections.items():
            for goal, result in goals.items():
                if goal == "wp:section":
                    continue
                main = result["wp:main"]
                total, valid = main.get("total", 0), main.get("valid", 0)
                self.total[name] = self.total.get(name, 0) + total
                self.valid[name] = self.valid.get(name, 0) + valid
                if name == "lemmas":
                    self.lemmas[goal.replace("lemma_", "", 1)] = 0 < total == valid
                if valid < total:
                    self.failed.setdefault(name, []).append(goal)
                for prover, stats in result.items():
                    if prover != "wp:main" and stats.get("valid"):
                        counts = self.provers.setdefault(name, {})
                        key = prover_name(prover)
                        counts[key] = counts.get(key, 0) + stats["valid"]
        self.times = slowest(job.out("slowest.times"))
        self.rows = []  # of the property table, without Frama-C's libc
        if os.path.exists(job.out("properties.csv")):
            with open(job.out("properties.csv"), newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    if row["line"] and not row["directory"].startswith("FRAMAC_SHARE"):
                        self.rows.append(row)
        self.warnings = []
        for event in load(job.out("events.json")):
            if "warning" in event["classid"] or "error" in event["classid"]:
                self.warnings.append((event.get("file", job.file), event.get("line", 0),
                                      " ".join(event["descr"].split())))
        # A message that comes in both stages of a run counts once.
        self.warnings = list(dict.fromkeys(self.warnings))

    def unproved(self, name):
        """Properties of a function that are not proved: 'file:line kind text (status)'."""
        found = []
        for row in self.rows:
            if row["function"] != name or row["status"] == "Valid":
                continue
            # Preconditions are proved where the function is called; WP does not check \from.
            if row["property kind"] in ("precondition", "from clause"):
                continue
            place = os.path.normpath(os.path.join(row["directory"], row["file"]))
            text = (row["property"] or "")[:90]
            found.append(f"{place}:{row['line']} {row['property kind']} {text} ({row['status']})")
        return found
