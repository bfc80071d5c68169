# SPDX-License-Identifier: MIT
"""usage: ci/prove [options]

Proves the files that proofs/files.json lists with Frama-C's WP, z3 and cvc4, on a 64-bit and a
32-bit machine, and checks that the rest of src/core parses with its contracts. Prints a table
for each function. Fails if a goal is not proved; a function of a proved file has no contract, no
assigns clause or no proof; a loop has no variant; an annotation assumes something (axiom, admit);
a contract is taken on trust that proofs/SOUNDNESS.md does not list; code asks for __FRAMAC__
outside compiler.h; or a function lost goals since proofs/results.csv was written.

Exit status: 0 all is proved, 1 something is not, 2 bad usage or a missing tool, 130 interrupted."""

import csv
import hashlib
import json
import os
import re
import shutil
import tempfile

import prove_source as source
import prove_theorems as theorems
from common import (Failure, ROOT, Results, Usage, clock, cores, main, parser, positive, say,
                    table)
from prove_run import (MACHDEPS, NO_GOALS, Job, Report, Scratch, compiled_functions, run_jobs,
                       versions)

FILES, RESULTS = "proofs/files.json", "proofs/results.csv"
COLUMNS = ["file", "function", "state"] + [f"{what} {m}" for m in MACHDEPS
                                           for what in ("goals", "proved")]
# What a file may change in its run. Anything that could weaken a verdict is not among them.
FREE_OPTIONS = ("-wp-timeout", "-wp-steps", "-wp-fct-timeout", "-wp-split", "-wp-split-depth",
                "-wp-prover", "-wp-auto", "-wp-auto-depth", "-wp-auto-width",
                "-wp-bound-forall-unfolding", "-wp-extensional", "-wp-prenex", "-wp-no-let",
                "-wp-max-split", "-wp-unfold-assigns")


def arguments(given=None):
    cli = parser(__doc__)
    cli.add_argument("--smoke", action="store_true",
                     help="instead of proving, look for contradictions: smoke tests of every "
                          "contract, loop and branch; fails if one is proved")
    cli.add_argument("--all", action="store_true", help="prove, then smoke tests")
    cli.add_argument("--check", action="store_true",
                     help="only what needs no prover: contracts, loops, assumptions, parsing")
    cli.add_argument("--file", action="append", metavar="F",
                     help="only this file: slab, slab.c or src/core/slab.c (repeatable)")
    cli.add_argument("--fct", action="append", metavar="NAME",
                     help="only this function (repeatable; with commas)")
    cli.add_argument("--machdep", action="append", choices=MACHDEPS,
                     help="only this machine (default: both; smoke tests: the first)")
    cli.add_argument("--jobs", type=positive, default=cores(), metavar="N",
                     help="Frama-C processes at the same time (default: one a core)")
    cli.add_argument("--time-limit", type=positive, metavar="S",
                     help="seconds a prover may take for a goal (default 30; smoke tests 1)")
    cli.add_argument("--give-up", type=int, default=20, metavar="N",
                     help="stop a file's run after N goals without a proof (default 20; 0: never)")
    cli.add_argument("--cache", action="store_true",
                     help="keep provers' answers for the next run (developers' loop: no verdict)")
    cli.add_argument("--no-cache", dest="cache", action="store_false",
                     help="let the provers answer every goal anew (default)")
    cli.add_argument("--share", action="store_true",
                     help="give the provers once what both machines ask in the same words: the "
                          "32-bit proofs follow, and take such answers of this very run")
    cli.add_argument("--resume", metavar="DIR",
                     help="keep each file's finished run in DIR, and take it from there when it "
                          "would be the same: what was cut short goes on")
    cli.add_argument("--update", action="store_true",
                     help=f"write {RESULTS} (with --file: the rows of these files)")
    cli.add_argument("--json", metavar="OUT", help="write counts and results to OUT")
    cli.add_argument("--report", metavar="DIR", help="write prove.txt and prove.json into DIR")
    cli.add_argument("--list", action="store_true",
                     help="print the files, functions and trusted contracts, and stop")
    options = cli.parse_args(given)
    if options.update and (options.fct or options.machdep or options.cache or options.smoke
                           or options.check):
        raise Usage("--update records whole files: use it without --fct, --machdep, --cache, "
                    "--smoke and --check")
    if options.smoke + options.all + options.check > 1:
        raise Usage("--check, --smoke and --all exclude each other: give one of them")
    if options.share and (options.cache or options.resume):
        raise Usage("--share is about one run from nothing: use it without --cache and --resume")
    if options.resume and options.cache:
        raise Usage("--resume keeps verdicts, and --cache gives none: use one of them")
    if options.give_up < 0:
        raise Usage("--give-up takes 0 or more")
    options.fct = [name for text in options.fct or [] for name in text.split(",") if name]
    return options


class Gate:
    """The state of a run: what is to be proved, and what was found wrong."""

    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.results = Results("prove")
        self.problems = []
        self.failed_checks = 0
        self.notes = []
        self.settings = self.read_settings()
        self.open = {path: more.get("open", {}) for path, more in self.settings.items()}
        self.soundness = source.Soundness()
        core = [path for path in source.walk("src/core") if path.endswith(".c")]
        self.proved = list(self.settings)
        self.parsed = [path for path in core if path not in self.settings]
        self.machdeps = options.machdep or list(MACHDEPS)
        self.units = {}     # (file, machdep): Unit
        self.marks = {}     # (file, machdep): what the prover reads, as a hash
        self.tools = []     # with their versions
        self.goal_times = []  # (seconds, goal, file, machdep)
        self.duty = {}      # (file, machdep): names that this file's run has to prove
        self.reports = {}   # (file, machdep): Report
        self.used_trust = {}
        self.chosen = self.choose()

    def read_settings(self):
        try:
            settings = json.loads(source.read(FILES))["proved"]
        except (OSError, ValueError, KeyError) as error:
            raise Failure(f"{FILES} cannot be read: {error}") from error
        for path, more in settings.items():
            unknown = set(more) - {"options", "open"}
            reasons = more.get("open", {})
            if unknown or not isinstance(reasons, dict) \
                    or not all(isinstance(why, str) and why for why in reasons.values()):
                raise Failure(f"{FILES}: {path} may have a list 'options', and 'open' with a "
                              "reason for each function that is not proved yet")
            for option in more.get("options", []):
                if option.startswith("-") and option.split("=")[0] not in FREE_OPTIONS:
                    raise Failure(f"{FILES}: option '{option}' of {path} is not one of: "
                                  + " ".join(FREE_OPTIONS))
        return settings

    def choose(self):
        if not self.options.file:
            return self.proved + self.parsed
        chosen = []
        for name in self.options.file:
            fits = [path for path in self.proved + self.parsed
                    if name in (path, os.path.basename(path), os.path.basename(path)[:-2])]
            if not fits:
                raise Usage(f"no file '{name}' to prove; there are: " + " ".join(
                    os.path.basename(path)[:-2] for path in self.proved + self.parsed))
            chosen += fits
        return chosen

    def whole(self):
        return not (self.options.file or self.options.fct)

    def problem(self, text, counted=False):
        """Notes a failed check. counted: the goals behind it are in the counts already."""
        if text not in self.problems:
            self.problems.append(text)
            self.failed_checks += not counted

    def chosen_proved(self):
        return [path for path in self.proved if path in self.chosen]

    # Sources ------------------------------------------------------------------------------------

    def check_tree(self):
        for path, line, text in source.scan_tree():
            self.problem(f"{path}:{line}: {text}")
        for text in self.soundness.problems():
            self.problem(text)

    def parse(self):
        """Every unit through Frama-C's front end; proved files always, as others lean on them."""
        for path in list(self.proved):
            if not os.path.exists(os.path.join(ROOT, path)):
                self.problem(f"{path}: listed in {FILES}, but there is no such file")
                self.proved.remove(path)
        for path in self.parsed:
            for stem in self.settings:
                if path.startswith(stem[:-2] + "_"):
                    self.problem(f"{path}: a part of {stem} by its name, and not in {FILES}: what "
                                 "moves out of a proved file has to stay proved")
        jobs = [Job(self.scratch, "parse", path, machdep, []) for machdep in self.machdeps
                for path in self.proved + [p for p in self.parsed if p in self.chosen]]
        where = os.environ.get("SLABPOOL_PARSED")
        if where:
            for job in jobs:
                job.keep_parsed(where, *self.tools)
        run_jobs(jobs, self.options.jobs, quiet=True)
        for job in jobs:
            if job.status or not os.path.exists(job.out("unit.c")):
                self.problem(f"{job.file}: Frama-C cannot read it ({job.machdep}):\n"
                             + re.sub(r"^", "      ", job.message(), flags=re.M))
                continue
            with open(job.out("unit.c"), errors="replace") as file:
                text = file.read()
            self.units[job.file, job.machdep] = source.Unit(text)
            self.marks[job.file, job.machdep] = hashlib.sha256(text.encode()).hexdigest()

    def assign_duties(self):
        """Which run proves a function that stands in a header: the file of the same stem (in the
        core, or among the public headers), else the first proved file that uses it. An
        unused one is nobody's."""
        taken = {}
        for path, machdep in self.units:
            if path not in self.proved:
                continue
            unit = self.units[path, machdep]
            own = source.outline(path).defined
            for header in source.headers_of(path):
                own.update(source.outline(header).defined)
            self.check_conditions(path)
            for name in own:
                if name not in unit.functions or not unit.functions[name].defined:
                    self.problem(f"{path}: {name} is hidden from the prover by the preprocessor")
            mine = {f.name for f in unit.defined() if f.name in own}
            todo = list(mine)
            while todo:  # and what these use, as long as nobody else proves it
                for name in unit.functions[todo.pop()].uses:
                    other = unit.functions.get(name)
                    if other and other.defined and name not in mine \
                            and taken.setdefault((machdep, name), path) == path \
                            and not self.home_elsewhere(name, path):
                        mine.add(name)
                        todo.append(name)
            for name in self.open[path]:
                if name not in mine:
                    self.problem(f"{FILES}: {name} is no function that {path} would prove "
                                 f"({machdep}): take it out of its 'open'")
            self.duty[path, machdep] = mine - set(self.open[path])
        self.check_machines()

    def check_machines(self):
        """A function that one machine's run proves is proved by all."""
        for path in self.proved:
            seen = [self.duty[path, m] for m in self.machdeps if (path, m) in self.duty]
            if len(seen) == len(self.machdeps):
                for name in sorted(set.union(*seen) - set.intersection(*seen)):
                    self.problem(f"{path}: {name} is proved on one machine only: it is not there "
                                 "on the other")

    def check_symbols(self):
        """What the compiler makes of a file and what the prover reads are the same functions."""
        for path in dict.fromkeys(path for path, _ in self.units if path in self.chosen):
            made, text = compiled_functions(path, self.scratch.path("unit.o"))
            if made is None:
                self.problem(f"{path}: gcc cannot compile it:\n" + text)
                continue
            read = set.union(*({f.name for f in self.units[key].defined() if not f.ghost}
                               for key in self.units if key[0] == path))
            for name in sorted(made - read - set(source.stand_ins())):
                self.problem(f"{path}: {name} is compiled, but the prover does not see it")

    def check_names(self):
        """--fct has to name functions that this run could prove."""
        keys = [key for key in self.duty if key[0] in self.chosen]
        for name in self.options.fct:
            if keys and not any(name in self.duty[key] or name in self.open[key[0]]
                                for key in keys):
                raise Usage(f"no function '{name}' to prove in "
                            + " ".join(sorted({path for path, _ in keys}))
                            + "; ci/prove --list shows them")

    def check_conditions(self, path):
        for part in (path, *source.headers_of(path)):
            for line, text in source.conditions(part):
                self.problem(f"{part}:{line}: '{text}': the prover sees only one branch; let "
                             f"{source.COMPILER_H} decide, or take it out")

    def home_elsewhere(self, name, path):
        for other in self.proved:
            if other != path and any(name in source.outline(header).defined
                                     for header in source.headers_of(other)):
                return True
        return False

    def check_contracts(self):
        for (path, machdep), unit in self.units.items():
            for text in unit.forbidden:
                self.problem(f"{path}: an assumption reaches this file: {text}")
            for name in unit.recursive:
                if name not in self.soundness.recursive:
                    self.problem(f"the definition of {name} mentions itself: list it under "
                                 f"'Recursive definitions' in {source.SOUNDNESS}, with the reason "
                                 "why it ends")
            if path in self.proved and path in self.chosen:
                for name in sorted(self.duty[path, machdep]):
                    for text in unit.functions[name].problems(self.soundness.silent):
                        self.problem(f"{path}: {name} {text}")
                self.check_trust(path, machdep, unit)
        self.check_bodiless()
        if self.whole():
            self.check_stale()
            self.check_theorems()

    def check_theorems(self):
        contracts = {name: self.units[key].functions[name].contract
                     for key, names in self.duty.items() for name in names}
        known = {name for path in source.walk("src/core", "src/include/slabpool")
                 for name in source.outline(path).defined}
        found, whole, part = theorems.check(contracts, known)
        for text in found:
            self.problem(text)
        self.notes.append(f"{theorems.TABLE}: {whole} rows are proved, {part} in part or not")

    def check_stale(self):
        """Rows of SOUNDNESS.md that speak of nothing any more."""
        functions = {name: f for unit in self.units.values() for name, f in unit.functions.items()}
        for name in self.soundness.leaned_on():
            if name not in self.used_trust:
                self.problem(f"{source.SOUNDNESS}, {self.soundness.section_of(name)}, '{name}': "
                             "no proof relies on it: take the row out")
        stale = [("contract without a promise", name) for name in sorted(self.soundness.silent)
                  if name not in functions or not functions[name].silent()]
        recursive = {name for unit in self.units.values() for name in unit.recursive}
        stale += [("recursive definition", name) for name in sorted(self.soundness.recursive)
                  if name not in recursive]
        for what, name in stale:
            self.problem(f"{source.SOUNDNESS}: there is no {what} '{name}' in the proofs any more: "
                         "take the row out")

    def check_trust(self, path, machdep, unit):
        """What the proof of a file leans on without proving it here."""
        standing_in = source.stand_ins()
        for name in sorted(self.duty[path, machdep]):
            if name in standing_in:
                self.lean_on(path, name, "which the compiler never sees (compiler.h)")
            for used in unit.functions[name].uses:
                call, used = used.startswith("call "), used.replace("call ", "")
                other = unit.functions.get(used)
                if other is None and call and re.match(r"[a-z_]\w*$", used):
                    self.lean_on(path, used, "which Frama-C's libc specifies")
                elif other and used not in self.duty[path, machdep] \
                        and (not other.defined or used in self.open[path]):
                    self.check_shared(path, machdep, other)

    def lean_on(self, path, name, why):
        if name in self.soundness.leaned_on():
            self.used_trust.setdefault(name, path)
        else:
            self.problem(f"{path}: relies on {name}, {why}: list it under 'Trusted contracts' in "
                         + source.SOUNDNESS)

    def check_shared(self, path, machdep, function):
        """A function without a body here: proved with this contract elsewhere, or trusted."""
        name = function.name
        for other in self.proved:
            unit = self.units.get((other, machdep))
            if unit and name in self.duty[other, machdep]:
                if unit.functions[name].contract != function.contract:
                    self.problem(f"{path}: uses {name} with another contract than the one that is "
                                 f"proved in {other}")
                return
        if name not in self.soundness.leaned_on():
            self.problem(f"{path}: relies on {name}, which has a contract but no proof: prove it, "
                         f"or list it in {source.SOUNDNESS} under 'Trusted contracts' or, if it "
                         "has a body that can be proved, under 'Relied on before its proof'")
        elif not function.contract:
            self.problem(f"{path}: relies on {name}, which has neither body nor contract")
        else:
            self.used_trust.setdefault(name, path)

    def check_bodiless(self):
        """Contracts that no code stands behind, in any unit."""
        bodies = set()
        for path in source.walk("src"):
            if path != source.COMPILER_H:  # what it defines for the compiler, the prover trusts
                bodies.update(source.outline(path).defined)
        for (path, _), unit in self.units.items():
            for function in unit.functions.values():
                if function.name and function.contract and not function.defined \
                        and function.name not in bodies:
                    if function.name not in self.soundness.leaned_on():
                        self.problem(f"{function.name} has a contract and no body: list it under "
                                     f"'Trusted contracts' in {source.SOUNDNESS}")
                    else:
                        self.used_trust.setdefault(function.name, path)

    # Proofs -------------------------------------------------------------------------------------

    def targets(self, path, machdep):
        mine = self.duty.get((path, machdep), set())
        if self.options.fct:  # an open one, too, when it is asked for
            return sorted(name for name in mine | set(self.open[path]) if name in self.options.fct)
        return sorted(mine)

    def proof_options(self, path, machdep):
        unit, wanted = self.units[path, machdep], self.targets(path, machdep)
        options = list(self.settings[path].get("options", []))
        prover = "cvc4,z3"
        scripts = os.path.join(ROOT, "proofs", "scripts", os.path.basename(path)[:-2])
        if os.path.isdir(scripts):
            prover = "tip," + prover
        # Two provers race for each goal, so each process gets two at least.
        options = ["-wp-prover", prover, "-wp-par", str(max(2, cores() // self.options.jobs)),
                   "-wp-timeout", str(self.options.time_limit or 30), *options]
        if self.options.cache or self.options.share:
            where = os.path.join(tempfile.gettempdir(), f"slabpool-prove-cache-{os.getuid()}") \
                if self.options.cache else self.scratch.path("shared")
            os.makedirs(where, mode=0o700, exist_ok=True)
            options += ["-wp-cache", "update", "-wp-cache-dir", where]
        else:
            options += ["-wp-cache", "none"]
        return options + self.selection(unit, wanted)

    def selection(self, unit, wanted):
        if self.options.fct:
            return ["-wp-fct", ",".join(wanted)]
        rest = sorted(f.name for f in unit.defined() if f.name not in wanted)
        return ["-wp-skip-fct", ",".join(rest)] if rest else []

    def jobs(self, kind, machdeps):
        found = []
        for machdep in machdeps:
            for path in self.chosen_proved():
                if (path, machdep) not in self.units or not self.targets(path, machdep):
                    continue
                if kind == "prove":
                    options = self.proof_options(path, machdep)
                else:
                    options = ["-wp-prover", "z3", "-wp-cache", "none", NO_GOALS,
                               "-wp-par", str(max(1, cores() // self.options.jobs)),
                               "-wp-smoke-tests", "-wp-smoke-timeout",
                               str(self.options.time_limit or 1),
                               *self.selection(self.units[path, machdep],
                                               self.targets(path, machdep))]
                found.append(Job(self.scratch, kind, path, machdep, options))
        # The longest first, so that no core idles at the end. What a file's first machine is asked
        # has its answer when the second one asks it.
        found.sort(key=lambda job: (self.options.share and machdeps.index(job.machdep),
                                    -os.path.getsize(os.path.join(ROOT, job.file))))
        for job in found:
            scripts = os.path.join(ROOT, "proofs", "scripts", job.name)
            if kind == "prove" and os.path.isdir(scripts):
                shutil.copytree(scripts, os.path.join(job.where + "-scripts", "wp", "script"))
                job.options += ["-wp-session", os.path.join(job.where + "-scripts", "wp")]
            if self.options.resume:
                job.keep_in(self.options.resume, job.machdep, self.marks[job.file, job.machdep],
                            *self.tools)
        return found

    def gave_up(self, job):
        self.problem(f"{job.file}: Frama-C gave up ({job.machdep}):\n"
                     + re.sub(r"^", "      ", job.message(), flags=re.M))
        self.results.add(job.title(), seconds=job.seconds, note="Frama-C gave up")

    def run(self, kinds):
        """Runs all jobs of these kinds in one queue, so that no core idles between them."""
        jobs = []
        for kind in kinds:
            more = self.jobs(kind, self.machdeps if kind == "prove" else
                             self.options.machdep or self.machdeps[:1])
            if not more:
                self.problem(f"{kind}: nothing was run, no function fits")
            jobs += more
        run_jobs(jobs, self.options.jobs, give_up=self.options.give_up)
        for job in jobs:
            if job.kind == "prove":
                self.goal_times += [(*pair, job.name, job.machdep[4:]) for pair in job.goal_times]
            if job.stopped:
                self.problem(f"{job.file}: stopped after {len(job.open)} goals without a proof "
                             f"({job.machdep}): {' '.join(job.open)}")
                self.results.add(job.title(), passed=job.done - len(job.open),
                                 failed=len(job.open) - 1, seconds=job.seconds, note="stopped")
            elif job.status or not os.path.exists(job.out("goals.json")):
                self.gave_up(job)
            elif job.kind == "prove":
                self.reports[job.file, job.machdep] = report = Report(job)
                self.judge(job, report)
            else:
                self.judge_smoke(job, Report(job))

    def judge(self, job, report):
        key = job.file, job.machdep
        passed = failed = 0
        for name in self.targets(*key):
            rows = [row for row in report.rows if row["function"] == name]
            if not rows and not report.total.get(name):
                self.problem(f"{job.file}: {name} was not proved ({job.machdep}): WP made no goal")
            loose = report.unproved(name)
            goals = report.failed.get(name, [])
            for text in loose or [f"goal {goal}" for goal in goals]:
                self.problem(f"{name} is not proved ({job.machdep}): {text}", counted=True)
            if goals and loose:
                self.notes.append(f"goals of {name} that failed on {job.machdep}: "
                                  + " ".join(goals))
            passed += report.valid.get(name, 0)
            failed += report.total.get(name, 0) - report.valid.get(name, 0)
            failed += 1 if loose and not goals else 0
        if not self.options.fct:
            for name in self.units[key].lemmas:
                if not report.lemmas.get(name):
                    self.problem(f"{job.file}: lemma {name} is not proved ({job.machdep})",
                                 counted=name in report.lemmas)
            passed += report.valid.get("lemmas", 0)
            failed += report.total.get("lemmas", 0) - report.valid.get("lemmas", 0)
        for path, line, text in report.warnings:
            if not any(fits in (job.file, "*") and part in text
                       for fits, part in self.soundness.warnings):
                self.problem(f"{os.path.relpath(os.path.join(ROOT, path), ROOT)}:{line}: Frama-C "
                             f"warns: {text} (mend it, or list it under 'Accepted warnings' in "
                             f"{source.SOUNDNESS})")
        self.results.add(job.title(), passed, failed, seconds=job.seconds)

    def judge_smoke(self, job, report):
        for name in sorted(report.failed):
            for goal in report.failed[name]:
                self.problem(f"{job.file}: smoke test {goal} in {name} was proved: its contract, "
                             "loop invariants or assertions contradict each other, or code is dead",
                             counted=True)
        for name in self.targets(job.file, job.machdep):
            # Where nothing is required and nothing repeats there is nothing to contradict.
            function = self.units[job.file, job.machdep].functions[name]
            # Without requires there may be none: what a loop assumes is a goal of its own.
            if source.has_clause(function.contract, "requires") and not report.total.get(name):
                self.problem(f"{job.file}: no smoke test of {name} was run")
        total, valid = sum(report.total.values()), sum(report.valid.values())
        self.results.add(job.title(), valid, total - valid, seconds=job.seconds)

    # Results ------------------------------------------------------------------------------------

    def function_rows(self):
        """Rows of the results file: what is proved, and what has a contract to be proved."""
        found = []
        for path in self.proved:
            names = sorted(set().union(*(self.duty.get((path, m), set()) for m in self.machdeps)))
            if any(self.reports[path, m].total.get("lemmas") for m in self.machdeps
                   if (path, m) in self.reports):
                names.append("lemmas")
            for name in names:
                row = {"file": path, "function": name, "state": "proved"}
                for machdep in self.machdeps:
                    report = self.reports.get((path, machdep))
                    total = report.total.get(name, 0) if report else 0
                    valid = report.valid.get(name, 0) if report else 0
                    row[f"goals {machdep}"], row[f"proved {machdep}"] = total, valid
                    if not report or valid < total or report.unproved(name):
                        row["state"] = "open"
                found.append(row)
            found += [{"file": path, "function": name, "state": "open"}
                      for name in sorted(self.open[path])]
        for path in self.parsed:
            unit = self.units.get((path, self.machdeps[0]))
            for name in sorted(source.outline(path).defined):
                contract = unit and name in unit.functions and unit.functions[name].contract
                found.append({"file": path, "function": name,
                              "state": "contract" if contract else "none"})
        return found

    def compare(self):
        """What proofs/results.csv has and this run has not."""
        path = os.path.join(ROOT, RESULTS)
        rows = {(row["file"], row["function"]): row for row in self.function_rows()}
        recorded = {}
        if os.path.exists(path):
            with open(path, newline="") as file:
                recorded = {(row["file"], row["function"]): row for row in csv.DictReader(file)}
        elif not self.options.update:
            self.problem(f"there is no {RESULTS}: make it with ci/prove --update")
            return
        if self.options.update:
            if self.problems:
                self.notes.append(f"{RESULTS} was written although not all is well")
            old = [row for (name, _), row in recorded.items()
                   if name not in self.chosen and name in self.proved + self.parsed]
            new = [row for (name, _), row in rows.items() if name in self.chosen]
            order = self.proved + self.parsed
            with open(path, "w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
                writer.writeheader()
                writer.writerows(sorted(old + new, key=lambda row: order.index(row["file"])))
            return
        for key, old in recorded.items():
            self.compare_row(key, old, rows.get(key))
        fresh = [key for key in rows if key not in recorded]
        if fresh and self.whole():
            self.notes.append(f"{len(fresh)} functions are not yet in {RESULTS} "
                              "(ci/prove --update)")

    def compare_row(self, key, old, new):
        path, name = key
        if path not in self.chosen or not any(p == path for p, _ in self.units) \
                or self.options.fct and name not in self.options.fct:
            return
        if new is None:
            if old["state"] == "proved":
                self.notes.append(f"{path}: {name} is in {RESULTS}, but not in the source")
            return
        if old["state"] == "proved" and name in self.open[path]:
            self.problem(f"{path}: {name} was proved ({RESULTS}), and is open now ({FILES})")
        if old["state"] == "contract" and new["state"] == "none":
            self.problem(f"{path}: {name} had a contract and has none now ({RESULTS})")
        for machdep in self.machdeps:
            if old["state"] != "proved" or (path, machdep) not in self.reports:
                continue
            before = int(old[f"goals {machdep}"] or 0)
            now = new.get(f"goals {machdep}") or 0
            if now < before:
                self.problem(f"{path}: {name} lost goals on {machdep}: {before} on record, {now} "
                             "now; if its contract became weaker on purpose: ci/prove --update")

    def table(self):
        head = ["function"] + [text for m in self.machdeps for text in (m[4:], "slowest")] \
            + ["provers"]
        blocks = []
        for path in self.chosen_proved():
            names = sorted(set().union(*(self.targets(path, m) for m in self.machdeps)))
            rows = []
            for name in names + ["lemmas"]:
                cells, provers = [name], {}
                for machdep in self.machdeps:
                    report = self.reports.get((path, machdep))
                    if report is None:
                        cells += ["-", "-"]
                        continue
                    total, valid = report.total.get(name, 0), report.valid.get(name, 0)
                    mark = " OPEN" if valid < total or report.unproved(name) else ""
                    cells += [f"{valid}/{total}{mark}", report.times.get(name, "")]
                    for prover, count in report.provers.get(name, {}).items():
                        provers[prover] = provers.get(prover, 0) + count
                if name != "lemmas" or provers:
                    cells.append(" ".join(f"{p} {n}" for p, n in sorted(provers.items())))
                    rows.append(cells)
            if rows:
                align = "l" + "rr" * len(self.machdeps) + "l"
                blocks.append(path + "\n" + table(head, rows, align))
            if self.open[path]:
                blocks.append(f"{path}: not proved yet: {' '.join(sorted(self.open[path]))}")
        for path in [p for p in self.parsed if p in self.chosen]:
            unit = self.units.get((path, self.machdeps[0]))
            if unit:
                names = list(source.outline(path).defined)
                some = [n for n in names if n in unit.functions and unit.functions[n].contract]
                blocks.append(f"{path}: parses; {len(some)} of {len(names)} functions have a "
                              "contract, not proved yet")
        return "\n\n".join(blocks)

    def listing(self):
        lines = []
        for path in self.proved:
            lines.append(f"{path} (proved)")
            lines += [f"  {name}" for name in self.targets(path, self.machdeps[0])]
            lines += [f"  {name} (open: {why})" for name, why in sorted(self.open[path].items())]
        lines += [f"{path} (parsed)" for path in self.parsed]
        lines.append(f"trusted contracts ({source.SOUNDNESS})")
        lines += [f"  {name} in {path}" for name, (path, _, _) in self.soundness.trusted.items()]
        lines.append(f"functions of the platform ({source.SOUNDNESS})")
        lines += [f"  {name} in {path}" for name, (path, _, _) in self.soundness.platform.items()]
        lines.append(f"relied on before its proof ({source.SOUNDNESS})")
        lines += [f"  {name} in {path}" for name, (path, _, _) in self.soundness.unproved.items()]
        return "\n".join(lines)

    def state(self):
        """How much of the core is proved, in one line."""
        rows = self.function_rows()
        core = [row for row in rows if row["file"].startswith("src/core/")
                and row["function"] != "lemmas"]
        proved = sum(row["state"] == "proved" for row in core)
        return f"{proved} of {len(core)} functions that src/core has or uses are proved"

    def as_dict(self, found):
        data = self.results.as_dict()
        data["problems"], data["notes"], data["versions"] = self.problems, self.notes, found
        data["functions"] = self.function_rows()
        data["goals"] = sum(sum(report.total.values()) for report in self.reports.values())
        data["proved"] = sum(sum(report.valid.values()) for report in self.reports.values())
        return data


def work_in(where, options):
    found = versions()
    gate = Gate(options, Scratch(where))
    gate.tools = [f"{name} {version}" for name, version in found.items()]
    if not options.list:
        say("tools: " + ", ".join(gate.tools))
    gate.check_tree()
    gate.parse()
    gate.assign_duties()
    gate.check_names()
    if options.list:
        say(gate.listing())
        return 0
    gate.check_contracts()
    gate.check_symbols()
    gate.results.add("sources", passed=len(gate.units), failed=gate.failed_checks,
                     note="units parsed")
    if gate.failed_checks and not options.check:
        say(f"sources: {gate.failed_checks} problems (listed at the end); the proofs go on")
    early = gate.failed_checks
    kinds = [] if options.check else ["smoke"] if options.smoke else \
        ["prove", "smoke"] if options.all else ["prove"]
    if kinds and gate.chosen_proved():
        gate.run(kinds)
    if not (options.smoke or options.check):
        gate.compare()
    if gate.failed_checks > early:
        gate.results.add("results", failed=gate.failed_checks - early)
    return conclude(gate, options, found)


def conclude(gate, options, found):
    lines = []
    if not options.smoke and not options.check:
        lines += [gate.table(), ""]
        if gate.goal_times:
            lines += ["the slowest goals\n" + table(
                ["time", "file", "machine", "goal"],
                [[f"{took:.1f}s", name, machdep, goal] for took, goal, name, machdep
                 in sorted(gate.goal_times, reverse=True)[:10]], "rlll"), ""]
    lines.append(gate.results.table())
    if not options.smoke and not options.check and gate.whole():
        lines.append("\n" + gate.state())
    if gate.used_trust:
        lines.append(f"\nrelied on without proof, and listed: {' '.join(sorted(gate.used_trust))}")
    lines += ["note: " + note for note in gate.notes]
    if options.cache:
        lines.append("note: with --cache, answers may be old: no verdict")
    if not gate.whole() or options.machdep:
        lines.append("note: a part only")
    if gate.problems:
        lines.append("\nfailed:")
        lines += ["  " + text for text in gate.problems]
    data = gate.as_dict(found)
    lines.append(f"\n{clock(data['seconds'])} for ci/prove")
    lines.append(f"{data['passed']} passed, {data['failed']} failed")
    text = "\n".join(lines)
    say(text)
    outputs = [(options.json, None)] + ([(os.path.join(options.report, "prove.json"),
                                          os.path.join(options.report, "prove.txt"))]
                                        if options.report else [])
    for data_path, text_path in outputs:
        if data_path:
            os.makedirs(os.path.dirname(os.path.abspath(data_path)), exist_ok=True)
            with open(data_path, "w") as file:
                json.dump(data, file, indent=1)
        if text_path:
            with open(text_path, "w") as file:
                file.write(text + "\n")
    return 1 if gate.problems or data["failed"] or not data["passed"] else 0


def work():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="slabpool-prove-") as where:
        return work_in(where, options)


if __name__ == "__main__":
    main(work)
