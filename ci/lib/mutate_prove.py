# SPDX-License-Identifier: MIT
"""ci/mutate --by proofs: only the function that a mutant changes is proved again, with what
ci/prove would call Frama-C with. Annotations and callers stay: callers see a function by its
contract, so that a change of its body is theirs only if the contract lets it through."""

import json
import math
import os
import re
import shutil
import time

import prove
import prove_source as source
from common import ROOT, Failure, stop
from mutate_source import digest
from prove_run import MACHDEPS, Job, Report, Scratch, versions

RUN_LIMIT = 900         # seconds for one run of Frama-C
SLACK = 10              # a goal gets so many times what the slowest one of the original takes
DEFINITION = re.compile(r"\b(?:predicate|logic [\w *]*?)\s*(\w+) ?(?:\{[^}]*\})? ?"
                        r"(?:\([^=]*?\))? ?=")


class ProofJob(Job):
    """A run of Frama-C that ends with the first goal that no prover proves."""
    late = False

    def finish(self):
        if self.process.poll() is None and not self.stopped and not self.late:
            self.stopped = bool(self.open)
            self.late = not self.stopped and time.monotonic() - self.begin > RUN_LIMIT
            if self.stopped or self.late:
                stop(self.process)
        return super().finish()


def seconds_of(text):
    """The time of WP's report ('110ms', '2.3s', '1'20', '1min 20s') in seconds, or None."""
    match = re.fullmatch(r"<?([\d.]+) ?(ms|s)", text.strip())
    if match:
        return float(match.group(1)) / (1000 if match.group(2) == "ms" else 1)
    match = re.fullmatch(r"(\d+)(?:'|min) ?([\d.]*)[s\"]*", text.strip())
    return 60.0 * int(match.group(1)) + float(match.group(2) or 0) if match else None


class Proofs:
    """Proves mutated functions."""
    trees = ["src", "proofs/logic"]

    def __init__(self, where, cache, wanted):
        versions()
        self.least_time = wanted.least_time
        # What proves nothing looks at the units of one machine.
        machines = ["--machdep", MACHDEPS[0]] if wanted.list or wanted.report else []
        self.options = prove.arguments(["--jobs", str(wanted.jobs), *machines])
        self.scratch = Scratch(os.path.join(where, "prove"))
        self.gate = prove.Gate(self.options, self.scratch)
        self.gate.parsed = []
        self.gate.parse()
        self.gate.assign_duties()
        if self.gate.problems:
            raise Failure("ci/prove --check has to pass first:\n  "
                          + "\n  ".join(self.gate.problems))
        self.logic = {path: self.definitions(path) for path in self.gate.proved}
        self.codes = {}
        self.runs = 0
        self.cache = cache
        try:
            with open(cache) as file:
                self.known = json.load(file)
        except (OSError, ValueError):
            self.known = {}

    def unit_of(self, path, function):
        """The file whose run of ci/prove proves a function, or None."""
        for unit in self.gate.proved:
            if function in self.gate.duty[unit, MACHDEPS[0]] and (
                    path == unit or not path.endswith(".c")):
                return unit
        return None

    # What a verdict depends on --------------------------------------------------------------------

    def definitions(self, path):
        """{name: text} of the predicates and logic functions that a proved file sees."""
        name = os.path.basename(path)[:-2]
        with open(self.scratch.path(f"parse-{name}-{MACHDEPS[0]}", "unit.c")) as file:
            found = {}
            for token in source.tokens(file.read()):
                if token.kind == "annot":
                    text = source.plain(token.text)
                    for match in DEFINITION.finditer(text):
                        found[match.group(1)] = text
            return found

    def code(self, mutant, body):
        """A hash of the function, the contracts that its proof uses and what these speak of."""
        key = mutant.unit, mutant.function
        if key not in self.codes:
            unit = self.gate.units[mutant.unit, MACHDEPS[0]]
            function = unit.functions[mutant.function]
            parts = {body, function.contract}
            for name in function.uses:
                if name in unit.functions:
                    parts.add(unit.functions[name].contract)
            logic, todo = self.logic[mutant.unit], list(parts)
            while todo:
                for word in re.findall(r"[A-Za-z_]\w*", todo.pop()):
                    if word in logic and logic[word] not in parts:
                        parts.add(logic[word])
                        todo.append(logic[word])
            self.codes[key] = digest("\0".join(sorted(parts)))[:12]
        return self.codes[key]

    # Runs -----------------------------------------------------------------------------------------

    def job(self, mutant, machdep, limit, root):
        self.options.fct, self.options.time_limit = [mutant.function], limit
        job = ProofJob(self.scratch, "mutant", mutant.unit, machdep,
                       self.gate.proof_options(mutant.unit, machdep))
        self.runs += 1
        job.where += f"-{self.runs}"
        job.root = root
        scripts = os.path.join(ROOT, "proofs", "scripts", job.name)
        if os.path.isdir(scripts):
            shutil.copytree(scripts, os.path.join(job.where + "-scripts", "wp", "script"))
            job.options += ["-wp-session", os.path.join(job.where + "-scripts", "wp")]
        return job

    def clean(self, job):
        for where in (job.where, job.where + "-scripts"):
            shutil.rmtree(where, ignore_errors=True)

    def judge(self, job, function):
        """('killed', by what), ('survived', ''), ('timeout', '') of a run that has ended."""
        if job.late:
            return "timeout", ""
        if job.stopped:
            return "killed", self.goal(job.open[0], job)
        if job.status or not os.path.exists(job.out("goals.json")):
            text = job.message()
            if not re.search(r"user error|invalid user input", text, re.I):
                raise Failure(f"Frama-C ended with status {job.status} on a mutant of {function}:"
                              f"\n{text}")
            return "killed", "Frama-C refuses it: " + " ".join(text.split())[:80]
        report = Report(job)
        if report.failed.get(function):
            return "killed", self.goal(report.failed[function][0], job)
        loose = report.unproved(function)
        if loose:
            # What is proved but for another property says less than that one.
            loose.sort(key=lambda text: text.endswith("(Partially proven)"))
            return "killed", self.goal(" ".join(loose[0].split(" ")[1:])[:80], job)
        return "survived", ""

    @staticmethod
    def goal(name, job):
        name = re.sub(r"^typed_", "", name)
        return name if job.machdep == MACHDEPS[0] else f"{name} ({job.machdep})"

    def limit(self, mutant, machdep, slot, code):
        """Yields the proof of the original, if its times are not known; returns the time limit."""
        key = f"{mutant.unit} {mutant.function} {machdep} {code}"
        if key not in self.known:
            slot.restore()
            job = self.job(mutant, machdep, None, slot.where)
            yield job
            verdict, by = self.judge(job, mutant.function)
            if verdict != "survived":
                raise Failure(f"{mutant.function} is not proved as it stands ({machdep}: "
                              f"{by or verdict}): ci/prove --file {job.name} --fct "
                              f"{mutant.function} has to pass first")
            slowest = seconds_of(Report(job).times.get(mutant.function, ""))
            self.known[key] = job.seconds if slowest is None else slowest
            with open(self.cache, "w") as file:
                json.dump(self.known, file, indent=1)
            self.clean(job)
        return max(self.least_time, math.ceil(SLACK * self.known[key]))

    def task(self, mutant, code):
        """A function of a slot that gives a generator of runs; its result is (outcome, by what,
        seconds)."""
        def examine(slot):
            seconds = 0.0
            for machdep in MACHDEPS:
                if mutant.function not in self.gate.duty[mutant.unit, machdep]:
                    continue
                limit = yield from self.limit(mutant, machdep, slot, code)
                slot.change(mutant)
                job = self.job(mutant, machdep, limit, slot.where)
                yield job
                seconds += job.seconds
                verdict, by = self.judge(job, mutant.function)
                self.clean(job)
                if verdict != "survived":
                    break
            return verdict, by, seconds
        return examine
