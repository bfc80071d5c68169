# SPDX-License-Identifier: MIT
"""ci/mutate --by replay and --by fuzz: the fuzz targets are built with the changed file.

Replay runs the corpora, without sanitizers first, which is the quickest, and with ASan and UBSan if
nothing was seen. Fuzzing starts from the corpora. Any failure is a kill, and so is a run without an
end."""

import os
import re

from common import CLANG, CORPUS, ROOT, BUILD, Failure, targets
from mutate_run import Command
from mutate_source import digest

BUILD_LIMIT = 1800      # seconds
LEAST_LIMIT = 20        # seconds that a replay gets, or five times what the original takes
COMMON = ["-Db_lundef=false", "-Dbench=false", "-Dtools=false"]
PLAIN = ["--buildtype=debugoptimized"]
SANITIZED = ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined"]
LEFT_OUT = (".git", "build", "corpus", os.path.basename(BUILD))
SIGN = re.compile(r"^(?:not ok.*|fuzz: oracle .*|.*(?:ERROR|WARNING): \w+Sanitizer.*|"
                  r".*runtime error.*)$", re.M)
INPUT = re.compile(r"^# (?:\S*/)?([^/\s]+)$", re.M)    # the driver names it before it runs


def sign(run):
    """What a run that failed said of it, in a few words."""
    found = SIGN.search(run.text)
    lines = run.text.strip().splitlines() or [""]
    text = found.group() if found else f"status {run.status}: {lines[-1]}"
    return " ".join(re.sub(r"0x[0-9a-f]+|==\d+==|/\S*/", "", text).split())[:80]


def seen_by(target, run):
    """Which input made a replay fail, and what was said of it."""
    how = "no end" if run.late else sign(run)
    inputs = INPUT.findall(run.text)
    return f"{target}/{inputs[-1]}: {how}" if inputs else f"{target}: {how}"


class Build:
    """One way to build the targets in a slot, and what the original takes to replay there."""

    def __init__(self, name, options, env=()):
        self.name, self.options, self.env = name, options, list(env)
        self.limits = {}    # target: seconds

    def compile(self, slot):
        return Command(["ninja", "-C", slot.path(self.name), "-j1", "fuzzers"], slot.where,
                       BUILD_LIMIT)

    def program(self, slot, target):
        return slot.path(f"{self.name}/fuzz/fuzz_{target}")

    def replay(self, slot, target, limit):
        return Command([self.program(slot, target), os.path.join(CORPUS, target)], slot.where,
                       limit)

    def prepare(self, slot):
        """Builds the original once a slot and, if it is to be replayed, sees that it passes."""
        if os.path.isdir(slot.path(self.name)):
            return
        setup = Command(["env", *self.env, "meson", "setup", slot.path(self.name), slot.where,
                         *COMMON, *self.options], slot.where, BUILD_LIMIT)
        for step in (setup, self.compile(slot)):
            yield step
            if step.status:
                raise Failure("the original does not build:\n" + step.text[-2000:])

    def measure(self, slot):
        for target in targets() if not self.limits else ():
            run = self.replay(slot, target, BUILD_LIMIT)
            yield run
            if run.status:
                raise Failure(f"ci/replay --target {target} has to pass first:\n"
                              + run.text[-2000:])
            self.limits[target] = max(LEAST_LIMIT, 5 * run.seconds)

    def rebuild(self, slot, mutant):
        build = self.compile(slot)
        yield build
        if build.status:
            raise Failure(f"{mutant.id} does not build:\n" + build.text[-2000:])
        return build.seconds


class Replay:
    """Replays the corpora over mutated sources."""

    def __init__(self):
        self.trees = [name for name in sorted(os.listdir(ROOT)) if name not in LEFT_OUT]
        self.builds = [Build("build-plain", PLAIN), Build("build-sanitized", SANITIZED)]
        for name in targets():
            if not os.path.isdir(os.path.join(CORPUS, name)):
                raise Failure(f"corpus/{name} is missing: nothing to replay")

    @staticmethod
    def code(_, body):
        """A hash of what a result depends on: the function. New inputs and other functions matter
        too, but a kill seldom goes away by them; --again looks anew."""
        return digest(body)[:12]

    def task(self, mutant, _):
        """A function of a slot that gives a generator of runs; its result is (outcome, by what,
        seconds)."""
        def examine(slot):
            slot.restore()
            seconds = 0.0
            for build in self.builds:
                yield from build.prepare(slot)
                yield from build.measure(slot)
            slot.change(mutant)
            for build in self.builds:
                seconds += yield from build.rebuild(slot, mutant)
                for name in sorted(build.limits, key=build.limits.get):
                    run = build.replay(slot, name, build.limits[name])
                    yield run
                    seconds += run.seconds
                    if run.late or run.status:
                        return "killed", seen_by(name, run), seconds
            return "survived", "", seconds
        return examine


class Fuzz(Replay):
    """Fuzzes mutated sources from the corpora, the targets in turn."""

    def __init__(self, seconds):
        super().__init__()
        self.share = max(1, seconds // len(targets()))
        self.build = Build("build-fuzz", [*SANITIZED, "-Dfuzzing_engine=libfuzzer"],
                           [f"CC={CLANG}"])

    def fuzz(self, slot, target):
        scratch = slot.path(f"new-{target}")
        os.makedirs(scratch, exist_ok=True)
        return Command([self.build.program(slot, target), scratch, os.path.join(CORPUS, target),
                        f"-max_total_time={self.share}", "-max_len=4096", "-timeout=20", "-seed=1",
                        "-reload=0", f"-artifact_prefix={slot.where}/"], slot.where,
                       self.share + 120)

    def task(self, mutant, _):
        def examine(slot):
            slot.restore()
            yield from self.build.prepare(slot)
            slot.change(mutant)
            seconds = yield from self.build.rebuild(slot, mutant)
            for name in targets():
                run = self.fuzz(slot, name)
                yield run
                seconds += run.seconds
                if run.late or run.status:
                    how = "no end" if run.late else sign(run)
                    return "killed", f"{name}: {how}", seconds
            return "survived", "", seconds
        return examine
