# SPDX-License-Identifier: MIT
"""usage: ci/mutate --by proofs|replay|fuzz|union [options]

Changes one thing at a time in copies of src/core (mutants, made from the syntax tree: comparisons,
arithmetic, logical and bitwise operators, numbers, removed statements, swapped arguments, decided
conditions) and looks whether anything notices.

  --by proofs   the changed function is proved again (Frama-C, as ci/prove calls it), on the 64-bit
                machine and, if it survived, on the 32-bit one; functions that ci/prove proves
  --by replay   the fuzz targets' replay drivers run the corpora, without sanitizers and then with
                ASan and UBSan; all of src/core
  --by fuzz     what survived replay is fuzzed from the corpora, --fuzz-time seconds in all, the
                targets in turn; what replay killed counts, as fuzzing begins with a replay
  --by union    runs nothing: what the recorded results of all three say together of replay's
                sample. `--by proofs --survivors` proves what of it survived replay and fuzzing

Of a sample, seeded and stratified by file and operator, the score is killed / (all - equivalent),
with its 95 % confidence interval. Equivalent are those that gcc -O1 compiles to the code of the
original (they are not drawn) and those that proofs/equivalent.csv names, with the reason; where
that is that this program never asks for the difference, a proof has to see it all the same. Results
are kept in proofs/mutants.csv, fuzz/mutants.csv and fuzz/mutants-fuzzed.csv after each mutant: a
run that was cut short goes on where it was, and a function that changed is looked at anew.

Exit status: 0 the score is high enough and the sample complete, 1 not, or equivalent.csv is wrong,
2 bad usage or a missing tool, 130 interrupted (what was found is kept)."""

import os
import re
import subprocess
import tempfile
import time

import prove_source as source
from common import BUILD, ROOT, Usage, clock, main, parser, positive, run, say, setup
from mutate_data import Equivalent, Store, sample_order, wilson
from mutate_prove import Proofs
from mutate_replay import Fuzz, Replay
from mutate_run import Screen, Slot, drive
from mutate_source import OPERATORS, clang, digest, mutants_of

RESULTS = {"proofs": "proofs/mutants.csv", "replay": "fuzz/mutants.csv",
           "fuzz": "fuzz/mutants-fuzzed.csv"}
EQUIVALENT = "proofs/equivalent.csv"
AT_LEAST = {"proofs": 95.0, "replay": 97.0, "fuzz": 97.0, "union": 100.0}


def percentage(text):
    value = float(text)
    if not 0 <= value <= 100:
        raise ValueError
    return value


percentage.__name__ = "percentage from 0 to 100"


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--by", required=True, choices=("proofs", "replay", "fuzz", "union"),
                     help="what should notice")
    cli.add_argument("--count", type=positive, default=300, metavar="N",
                     help="mutants in the sample (default 300)")
    cli.add_argument("--seed", type=int, default=1, metavar="N", help="of the sample (default 1)")
    cli.add_argument("--file", action="append", metavar="F",
                     help="only this file: slab, slab.c or src/core/slab.c (repeatable)")
    cli.add_argument("--changed", nargs="?", const="HEAD~1", metavar="REV",
                     help="only lines that differ from git revision REV (default HEAD~1)")
    cli.add_argument("--only", metavar="ID", help="only mutants whose id has this text in it")
    cli.add_argument("--list", action="store_true", help="show the sample and what is known of it")
    cli.add_argument("--report", action="store_true", help="the score of what is recorded; runs "
                     "nothing")
    cli.add_argument("--survivors", action="store_true", help="--by proofs: of replay's sample, "
                     "what survived replay and fuzzing")
    cli.add_argument("--fuzz-time", type=positive, default=60, metavar="S",
                     help="--by fuzz: seconds for each mutant, all targets together (default 60)")
    cli.add_argument("--again", nargs="?", const="all", choices=("all", "survived"),
                     help="run also what is recorded already, or of it what survived (new inputs "
                     "may see more)")
    cli.add_argument("--minutes", type=positive, metavar="N",
                     help="start no mutant after N minutes; the next run goes on")
    cli.add_argument("--at-least", type=percentage, metavar="PERCENT",
                     help="the score that is asked for (default: proofs 95, replay and fuzz 97, "
                     "union 100)")
    cli.add_argument("--jobs", type=positive, default=1, metavar="N",
                     help="mutants at the same time (default 1; each proof uses two provers)")
    cli.add_argument("--least-time", type=positive, default=5, metavar="S",
                     help="seconds a prover gets for a goal at least (default 5), or ten times "
                     "what the original's slowest takes; less may call a slow proof a kill")
    options = cli.parse_args()
    if options.at_least is None:
        options.at_least = AT_LEAST[options.by]
    if options.list and options.report:
        raise Usage("--list and --report exclude each other: give one of them")
    if options.survivors and options.by != "proofs":
        raise Usage("--survivors goes with --by proofs")
    if options.by == "union" and (options.again or options.minutes):
        raise Usage("--by union runs nothing: use it without --again and --minutes")
    return options


# Mutants ------------------------------------------------------------------------------------------

def all_mutants():
    """(mutants of the functions in src/core and the public headers, {(path, function): text}). A
    function in a header is compiled with the file of its stem, or the first that includes it."""
    units = [path for path in source.walk("src/core") if path.endswith(".c")]
    home = {header: unit for unit in units for header in source.headers_of(unit)}
    mutants, bodies = {}, {}
    for unit in units:
        found, texts = mutants_of(ROOT, unit)
        for mutant in found:
            if mutant.path == source.COMPILER_H or home.get(mutant.path, unit) != unit:
                continue
            mutants.setdefault((mutant.path, mutant.begin, mutant.end, mutant.new), mutant)
        for key, text in texts.items():
            bodies.setdefault(key, text)
    return list(mutants.values()), bodies


def changed_lines(revision):
    """{path: line numbers} of what differs from a git revision."""
    status, text = run(["git", "-C", ROOT, "diff", "-U0", "--no-color", "--no-ext-diff", revision,
                        "--", "src"])
    if status:
        raise Usage(f"git cannot compare with '{revision}': {text.strip()}")
    found, path = {}, None
    for line in text.splitlines():
        if line.startswith("+++ "):
            path = line[6:] if line.startswith("+++ b/") else None
        match = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if match and path:
            first, count = int(match.group(1)), int(match.group(2) or 1)
            found.setdefault(path, set()).update(range(first, first + count))
    return found


def narrow(mutants, options):
    """(the mutants that the options ask for, the files they name or None)"""
    paths = None
    if options.file:
        there = sorted({m.path for m in mutants})
        paths = set()
        for name in options.file:
            fits = {p for p in there if name in (p, os.path.basename(p),
                                                 os.path.splitext(os.path.basename(p))[0])}
            if not fits:
                raise Usage(f"no mutants of a file '{name}'; there are: " + " ".join(
                    os.path.basename(path) for path in there))
            paths |= fits
        mutants = [m for m in mutants if m.path in paths]
    if options.changed:
        lines = changed_lines(options.changed)
        mutants = [m for m in mutants if m.line in lines.get(m.path, ())]
    if options.only:
        mutants = [m for m in mutants if options.only in m.id]
    return mutants, paths


# A run --------------------------------------------------------------------------------------------

class Mutation:
    def __init__(self, options, where):
        self.options, self.where = options, where
        self.begin = time.monotonic()
        self.everything, self.bodies = all_mutants()
        self.cache = os.path.join(BUILD, "mutate")
        os.makedirs(self.cache, exist_ok=True)
        self.equivalent = Equivalent(os.path.join(ROOT, EQUIVALENT))
        self.stores = {name: Store(os.path.join(ROOT, path)) for name, path in RESULTS.items()}
        self.method = None
        self.all, self.paths = narrow(self.everything, options)
        if options.by == "proofs":
            self.method = Proofs(where, os.path.join(self.cache, "times.json"), options)
            for mutant in self.all:
                mutant.unit = self.method.unit_of(mutant.path, mutant.function)
            self.all = [m for m in self.all if m.unit]
        elif options.by == "replay":
            self.method = Replay()
        elif options.by == "fuzz":
            self.method = Fuzz(options.fuzz_time)

    def code(self, mutant):
        """A hash of what a recorded result depends on."""
        body = self.bodies[mutant.path, mutant.function]
        return self.method.code(mutant, body) if self.method else digest(body)[:12]

    def draw(self):
        """The sample; what gcc says about the mutants that were looked at for it."""
        replayed = self.stores["replay"]
        if self.options.by == "union":
            stores = [replayed] if replayed.rows else self.stores.values()
            self.sample = [m for m in self.all if any(m.id in s.rows for s in stores)]
            return
        if self.options.survivors:
            self.sample = [m for m in self.all if self.known(m, "replay") == "survived"
                           and self.known(m, "fuzz") != "killed"]
            return
        ordered = sample_order(self.all, self.options.seed)
        screen = Screen(os.path.join(self.cache, "compiled.json"), self.where, self.options.jobs)
        self.sample, same, dead = screen.pick(ordered, self.options.count)
        say(f"{len(self.all)} mutants of {len({m.path for m in self.all})} files; a sample of "
            f"{len(self.sample)} with seed {self.options.seed} (passed over: {len(same)} that "
            f"compile to the code of the original, {dead} that do not compile)")

    def known(self, mutant, way):
        """The outcome that one way recorded of this very mutant, or None."""
        row = self.stores[way].get(mutant, digest(self.bodies[mutant.path, mutant.function])[:12])
        return row["outcome"] if row else None

    def row(self, mutant):
        if self.options.by == "fuzz" and self.known(mutant, "replay") == "killed":
            return self.stores["replay"].rows[mutant.id]
        return self.stores[self.options.by].get(mutant, self.code(mutant))

    def todo(self):
        todo = [m for m in self.sample if not self.row(m) or
                self.options.again in ("all", self.row(m)["outcome"])]
        if self.options.by == "fuzz":
            todo = [m for m in todo if self.known(m, "replay") == "survived"]
        return todo

    def listing(self):
        for mutant in self.sample:
            row = self.row(mutant) if self.options.by != "union" else None
            say(f"{mutant.id}  {mutant.change}" + (f"  {row['outcome']}" if row else ""))

    def run(self):
        store, todo = self.stores[self.options.by], self.todo()
        total, self.count = len(todo), 0
        if not todo:
            return
        store.forget({m.id for m in self.everything}, {m.path for m in self.everything})
        slots = [Slot(os.path.join(self.where, f"slot-{k}"), self.method.trees)
                 for k in range(min(self.options.jobs, total))]
        tasks = []
        for mutant in todo:
            task = self.method.task(mutant, self.code(mutant))
            task.mutant = mutant
            tasks.append(task)

        def done(task, result):
            outcome, by, seconds = result
            self.count += 1
            store.put(task.mutant, self.code(task.mutant), outcome, by, seconds)
            say(f"{self.count}/{total} {outcome:8} {seconds:5.1f} s  {task.mutant.id}  "
                f"{task.mutant.change}" + (f"  [{by}]" if by else ""))

        def tick():
            return not self.options.minutes or \
                time.monotonic() - self.begin < 60 * self.options.minutes
        drive(tasks, slots, done, tick)

    # The verdict ----------------------------------------------------------------------------------

    def outcome(self, mutant):
        """What is known of a mutant: an outcome, or None."""
        if self.options.by != "union":
            row = self.row(mutant)
            return row["outcome"] if row else None
        found = [s.rows[mutant.id]["outcome"] for s in self.stores.values()
                 if mutant.id in s.rows and s.rows[mutant.id]["change"] == mutant.change]
        return "killed" if "killed" in found else found[0] if found else None

    def report(self):
        """Prints the score; True if all is well."""
        by_outcome = {}
        for mutant in self.sample:
            outcome = self.outcome(mutant)
            if outcome in ("survived", "timeout") and self.equivalent.has(mutant, self.options.by):
                outcome = "equivalent"
            by_outcome.setdefault(outcome, []).append(mutant)
        killed, left = len(by_outcome.get("killed", ())), len(by_outcome.get(None, ()))
        same = len(by_outcome.get("equivalent", ()))
        judged = len(self.sample) - left - same
        alive = by_outcome.get("survived", []) + by_outcome.get("timeout", [])
        if alive:
            say("\nsurvivors:")
        for mutant in sorted(alive, key=lambda m: (m.path, m.begin)):
            say(f"  {mutant.id}\n    {mutant.change}"
                + (" (no verdict in time)" if mutant in by_outcome.get("timeout", ()) else "")
                + f"\n    {mutant.path}:{mutant.line}: {mutant.source}")
        self.strata(by_outcome)
        low, high = wilson(killed, judged)
        share = 100 * killed / judged if judged else 0.0
        say(f"\nkilled {killed} of {judged} by {self.options.by}, {same} equivalent: "
            f"{share:.1f} % (95 % confidence: {100 * low:.1f} to {100 * high:.1f} %)")
        problems = self.equivalent.problems(self.everything, self.paths, self.stores)
        if left:
            problems.append(f"{left} mutants of the sample have no result yet: run ci/mutate again")
        if not judged:
            problems.append("no mutant was judged")
        elif share < self.options.at_least:
            problems.append(f"the score is below {self.options.at_least:g} %")
        for text in problems:
            say(f"failed: {text}")
        say(f"{clock(time.monotonic() - self.begin)} for ci/mutate\n"
            f"{killed} passed, {len(alive) + len(problems)} failed")
        return not problems

    def strata(self, by_outcome):
        """Killed of judged, by operator."""
        say("\noperator     killed  of")
        for operator in OPERATORS:
            killed = sum(m.operator == operator for m in by_outcome.get("killed", ()))
            total = killed + sum(m.operator == operator for outcome in ("survived", "timeout")
                                 for m in by_outcome.get(outcome, ()))
            if total:
                say(f"{operator:12} {killed:6}  {total}")


def work():
    options = arguments()
    setup("base,prove" if options.by == "proofs" else "base")
    clang()
    with tempfile.TemporaryDirectory(prefix="slabpool-mutate-") as where:
        mutation = Mutation(options, where)
        mutation.draw()
        if options.list:
            mutation.listing()
            return 0
        try:
            if options.by != "union" and not options.report:
                mutation.run()
        except KeyboardInterrupt:
            say(f"\nkept in {RESULTS[options.by]}; the same command goes on from here")
            raise
        return 0 if mutation.report() else 1


if __name__ == "__main__":
    main(work)
