# SPDX-License-Identifier: MIT
"""usage: ci/bugs [options]

Plants the bugs of fuzz/bugs.txt, each of a kind that allocators had, one at a time in copies of the
sources, and looks how soon the harness finds each: by replaying the corpora, and with --time by
fuzzing its target from the corpus and from nothing, S seconds at most each. What was measured is
kept in fuzz/bugs.csv; a run that was cut short goes on where it was.

Exit status: 0 replay finds every bug (with --time: so does fuzzing from the corpus), 1 not, 2 bad
usage or a bug that cannot be planted, 130 interrupted (what was found is kept)."""

import csv
import os
import re
import tempfile
import time

from common import (CLANG, CORPUS, ROOT, Results, Usage, cores, main, parser, positive, say,
                    setup, table, targets)
from mutate_replay import LEFT_OUT, PLAIN, SANITIZED, Build, seen_by
from mutate_run import Command, Slot, drive

LIST, TIMES = "fuzz/bugs.txt", "fuzz/bugs.csv"
COLUMNS = ["name", "target", "replay", "by", "from corpus", "from nothing"]
KEYS = ("name", "target", "what", "file")
NOT_FOUND = "not found"
THREADS = "threads"   # the target whose bugs are races
RACES = ["--buildtype=debugoptimized", "-Db_sanitize=thread"]
ENGINE = ["-Dfuzzing_engine=libfuzzer"]


class Bug:
    """A bug of the list: what a Slot can apply."""

    def __init__(self, fields, old, new):
        self.name, self.target, self.what, self.path = (fields[key] for key in KEYS)
        self.id, self.old, self.new = self.name, old, new

    def apply(self, text):
        if text.count(self.old) != 1:
            raise Usage(f"{LIST}: {self.name}: its lines stand {text.count(self.old)} times in "
                        f"{self.path}, not once: mend the list")
        return text.replace(self.old, self.new)


def read_bugs(path):
    with open(path) as file:
        blocks = re.split(r"\n\n+", re.sub(r"^#.*\n", "", file.read(), flags=re.M).strip())
    bugs = []
    for block in blocks:
        fields, parts = {}, {"-": [], "+": []}
        for line in block.split("\n"):
            match = re.fullmatch(r"(\w+): (.*)", line)
            if line[:1] in parts:
                parts[line[0]].append(line[1:] + "\n")
            elif match:
                fields[match.group(1)] = match.group(2)
            else:
                raise Usage(f"{LIST}: not understood: '{line}'")
        missing = [key for key in KEYS if key not in fields]
        if missing or not parts["-"]:
            raise Usage(f"{LIST}: '{block.splitlines()[0]}' has no "
                        + (missing or ["line with -"])[0])
        if fields["target"] not in targets():
            raise Usage(f"{LIST}: {fields['name']}: no target '{fields['target']}'")
        bugs.append(Bug(fields, "".join(parts["-"]), "".join(parts["+"])))
    names = [bug.name for bug in bugs]
    if len(set(names)) != len(names):
        raise Usage(f"{LIST}: two bugs have one name")
    for bug in bugs:
        with open(os.path.join(ROOT, bug.path)) as file:
            bug.apply(file.read())
    return bugs


class Times:
    """fuzz/bugs.csv, complete at any time."""

    def __init__(self):
        self.path = os.path.join(ROOT, TIMES)
        self.rows = {}
        if os.path.exists(self.path):
            with open(self.path, newline="") as file:
                self.rows = {row["name"]: row for row in csv.DictReader(file)}

    def put(self, bug, **found):
        row = self.rows.setdefault(bug.name, dict.fromkeys(COLUMNS, ""))
        row.update(found, name=bug.name, target=bug.target)

    def save(self, bugs):
        part = self.path + ".part"
        with open(part, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows[bug.name] for bug in bugs if bug.name in self.rows)
        os.replace(part, self.path)


class Hunt:
    """Looks for one bug at a time in a slot."""

    def __init__(self, options):
        self.options = options
        self.trees = [name for name in sorted(os.listdir(ROOT)) if name not in LEFT_OUT]
        self.plain = Build("build-plain", PLAIN)
        self.sanitized = Build("build-sanitized", SANITIZED)
        self.races = Build("build-races", RACES)
        self.fuzzers = Build("build-fuzz", [*SANITIZED, *ENGINE], [f"CC={CLANG}"])
        self.race_fuzzers = Build("build-fuzz-races", [*RACES, *ENGINE], [f"CC={CLANG}"])

    def builds(self, bug):
        """For replay, the quickest first. A race is for TSan to see."""
        return [self.plain, self.races if bug.target == THREADS else self.sanitized]

    def engine(self, bug):
        return self.race_fuzzers if bug.target == THREADS else self.fuzzers

    def replay(self, slot, bug):
        """(seconds, by what) or None; the bug's own target first."""
        begin = time.monotonic()
        order = sorted(targets(), key=lambda name: (name != bug.target, name))
        for build in self.builds(bug):
            yield from build.rebuild(slot, bug)
            if build is self.plain:
                begin = time.monotonic()
            for name in order:
                run = build.replay(slot, name, build.limits[name])
                yield run
                if run.late or run.status:
                    return f"{time.monotonic() - begin:.1f}", seen_by(name, run)
        return None

    def fuzz(self, slot, bug, empty):
        """Seconds to the finding, or None."""
        scratch = tempfile.mkdtemp(dir=slot.where)
        command = [self.engine(bug).program(slot, bug.target), scratch]
        if not empty:
            command.append(os.path.join(CORPUS, bug.target))
        run = Command([*command, f"-max_total_time={self.options.time}", "-max_len=4096",
                       "-timeout=20", "-reload=0", f"-artifact_prefix={scratch}/"], slot.where,
                      self.options.time + 60)
        yield run
        return f"{run.seconds:.1f}" if run.late or run.status else None

    def task(self, bug):
        def look(slot):
            slot.restore()
            for build in self.builds(bug):
                yield from build.prepare(slot)
                yield from build.measure(slot)
            if self.options.time:
                yield from self.engine(bug).prepare(slot)
            slot.change(bug)
            found = yield from self.replay(slot, bug)
            row = {"replay": found[0] if found else NOT_FOUND, "by": found[1] if found else ""}
            if self.options.time:
                yield from self.engine(bug).rebuild(slot, bug)
                for column, empty in (("from corpus", False), ("from nothing", True)):
                    seconds = yield from self.fuzz(slot, bug, empty)
                    row[column] = seconds or f"not in {self.options.time}"
            return row
        look.bug = bug
        return look


def is_done(row, options):
    wanted = COLUMNS[2:3] + (COLUMNS[4:] if options.time else [])
    return row is not None and all(row.get(column) for column in wanted)


def shown(bugs, times):
    rows = [tuple(times.rows.get(bug.name, {}).get(column, "") for column in COLUMNS)
            for bug in bugs]
    say("\n" + table(("bug", "target", "replay, s", "seen by", "corpus, s", "nothing, s"),
                     [(bug.name, bug.target, *row[2:]) for bug, row in zip(bugs, rows)], "llrlrr"))


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--time", type=positive, metavar="S",
                     help="fuzz for S seconds at most, from the corpus and from nothing")
    cli.add_argument("--only", action="append", metavar="NAME", help="only this bug (repeatable)")
    cli.add_argument("--again", action="store_true", help="measure also what is recorded already")
    cli.add_argument("--list", action="store_true", help="show what is recorded; runs nothing")
    cli.add_argument("--jobs", type=positive, default=cores(), metavar="N",
                     help="bugs at the same time (default: one a core)")
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    return cli.parse_args()


def verdict(results, bugs, times, options):
    for bug in bugs:
        row = times.rows.get(bug.name)
        if not is_done(row, options):
            results.check(bug.name, False, "was not looked for")
            continue
        results.check(f"{bug.name} by replay", row["replay"] != NOT_FOUND,
                      "replay does not see it")
        if options.time:
            results.check(f"{bug.name} from the corpus", not row["from corpus"].startswith("not"),
                          f"{row['from corpus']} s of fuzzing")


def work():
    options = arguments()
    bugs = read_bugs(os.path.join(ROOT, LIST))
    unknown = set(options.only or ()) - {bug.name for bug in bugs}
    if unknown:
        raise Usage(f"no bug '{unknown.pop()}' in {LIST}")
    chosen = [bug for bug in bugs if not options.only or bug.name in options.only]
    times, results = Times(), Results("bugs")
    todo = [bug for bug in chosen
            if options.again or not is_done(times.rows.get(bug.name), options)]
    if options.list:
        shown(chosen, times)
        return 0
    setup("base,fuzz")
    with tempfile.TemporaryDirectory(prefix="slabpool-bugs-") as where:
        hunt = Hunt(options)
        slots = [Slot(os.path.join(where, f"slot-{k}"), hunt.trees)
                 for k in range(min(options.jobs, len(todo)))]

        def done(task, row):
            times.put(task.bug, **row)
            times.save(bugs)
            say(f"  {task.bug.name:36} {row['replay']:>9} s  {row['by']}")
        drive([hunt.task(bug) for bug in todo], slots, done)
    shown(chosen, times)
    verdict(results, chosen, times, options)
    return results.close(options.json, with_table=False)


if __name__ == "__main__":
    main(work)
