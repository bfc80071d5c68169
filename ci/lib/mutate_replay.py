# SPDX-License-Identifier: MIT
"""ci/mutate --by replay: the replay drivers of the fuzz targets are built with the changed file,
with ASan and UBSan, and run the corpora. Any failure is a kill, and so is a run without an end."""

import os
import re

from common import BUILD, CORPUS, ROOT, Failure, targets
from mutate_run import Command
from mutate_source import digest

BUILD_LIMIT = 1800      # seconds
LEAST_LIMIT = 20        # seconds that a replay gets, or five times what the original takes
OPTIONS = ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false",
           "-Dbench=false", "-Dtools=false"]
LEFT_OUT = (".git", "build", "corpus", os.path.basename(BUILD))
SIGN = re.compile(r"^(?:not ok.*|.*ERROR: \w+Sanitizer.*|.*runtime error.*)$", re.M)


class Replay:
    """Replays the corpora over mutated sources."""

    def __init__(self):
        self.trees = [name for name in sorted(os.listdir(ROOT)) if name not in LEFT_OUT]
        self.limits = {}    # target: seconds
        for name in targets():
            if not os.path.isdir(os.path.join(CORPUS, name)):
                raise Failure(f"corpus/{name} is missing: nothing to replay")

    @staticmethod
    def code(_, body):
        """A hash of what a result depends on: the function. New inputs and other functions matter
        too, but a kill seldom goes away by them; --again looks anew."""
        return digest(body)[:12]

    @staticmethod
    def replay(slot, name, limit):
        return Command([slot.path(f"build-replay/fuzz/fuzz_{name}"), os.path.join(CORPUS, name)],
                       slot.where, limit)

    @staticmethod
    def compile(slot):
        return Command(["ninja", "-C", slot.path("build-replay"), "-j1", "fuzzers"], slot.where,
                       BUILD_LIMIT)

    def prepare(self, slot):
        """Builds the original once a slot and sees that it passes."""
        if os.path.isdir(slot.path("build-replay")):
            return
        steps = [Command(["meson", "setup", slot.path("build-replay"), slot.where, *OPTIONS],
                         slot.where, BUILD_LIMIT), self.compile(slot)]
        for step in steps:
            yield step
            if step.status:
                raise Failure("the original does not build:\n" + step.text[-2000:])
        for name in targets():
            run = self.replay(slot, name, BUILD_LIMIT)
            yield run
            if run.status:
                raise Failure(f"ci/replay --target {name} has to pass first:\n" + run.text[-2000:])
            self.limits[name] = max(LEAST_LIMIT, 5 * run.seconds)

    @staticmethod
    def sign(run):
        """What a run that failed said of it, in a few words."""
        found = SIGN.search(run.text)
        lines = run.text.strip().splitlines() or [""]
        text = found.group() if found else f"status {run.status}: {lines[-1]}"
        return " ".join(re.sub(r"0x[0-9a-f]+|==\d+==|/\S*/", "", text).split())[:80]

    def task(self, mutant, _):
        """A function of a slot that gives a generator of runs; its result is (outcome, by what,
        seconds)."""
        def examine(slot):
            slot.restore()
            yield from self.prepare(slot)
            slot.change(mutant)
            build = self.compile(slot)
            yield build
            if build.status:
                raise Failure(f"{mutant.id} does not build:\n" + build.text[-2000:])
            seconds = build.seconds
            for name in sorted(self.limits, key=self.limits.get):
                run = self.replay(slot, name, self.limits[name])
                yield run
                seconds += run.seconds
                if run.late:
                    return "killed", f"{name}: no end", seconds
                if run.status:
                    return "killed", f"{name}: {self.sign(run)}", seconds
            return "survived", "", seconds
        return examine
