# SPDX-License-Identifier: MIT
"""ci/fuzz --compare: what the mutator of operations, the dictionary, the value profile are worth.

Each target is fuzzed from nothing in several ways at the same time, so that all suffer equally from
whatever else the machine does. A finding does not end a run: it goes on from what it has."""

import os
import re
import shutil
import statistics
import time

from common import BUILD, ROOT, Failure, Results, say, start, stop, table
from fuzz_engines import ENVIRONMENT

PULSE = re.compile(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+)", re.M)
DONE = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.M)
# name: (mutator of operations, dictionary, value profile)
WAYS = {"operations": (True, True, False), "bytes": (False, True, False),
        "operations, no dictionary": (True, False, False),
        "bytes, no dictionary": (False, False, False),
        "operations, value profile": (True, True, True),
        "bytes, value profile": (False, True, True)}


class Run:
    """One way for one target and seed. libFuzzer is started anew after each finding."""

    def __init__(self, where, target, way, seed, seconds):
        self.where, self.target, self.way, self.seed = where, target, way, seed
        self.end = time.monotonic() + seconds
        self.place = os.path.join(BUILD, "compare", f"{target}-{seed}-{way.replace(', ', '-')}"
                                  .replace(" ", "-"))
        shutil.rmtree(self.place, ignore_errors=True)
        os.makedirs(os.path.join(self.place, "found"))
        self.executions = self.edges = self.findings = self.starts = 0
        self.begin()

    def begin(self):
        operations, dictionary, profile = WAYS[self.way]
        left = max(1, round(self.end - time.monotonic()))
        command = [os.path.join(self.where, "fuzz_" + self.target),
                   os.path.join(self.place, "found"), f"-max_total_time={left}", "-max_len=4096",
                   f"-seed={self.seed + 1000 * self.starts}", "-timeout=25", "-reload=0",
                   "-print_final_stats=1", f"-artifact_prefix={self.place}/",
                   f"-use_value_profile={int(profile)}"]
        if dictionary:
            command.append("-dict=" + os.path.join(ROOT, "fuzz", f"fuzz_{self.target}.dict"))
        if not operations:
            command.append("-len_control=100")  # as without a mutator
        self.starts += 1
        self.log = os.path.join(self.place, f"{self.starts}.log")
        self.output = open(self.log, "wb")
        self.process = start(command, stdout=self.output, stderr=self.output, cwd=ROOT, env={
            **ENVIRONMENT, "FUZZ_PLAIN_MUTATOR": None if operations else "1"})

    def over(self):
        """True once the time is up; until then a run that stopped is started again."""
        if self.process.poll() is None:
            return False
        self.output.close()
        with open(self.log, errors="replace") as file:
            text = file.read()
        pulses, done = PULSE.findall(text), DONE.findall(text)
        if not pulses:
            raise Failure(f"{self.target}, {self.way}: nothing was executed, see {self.log}")
        self.edges = max(self.edges, *(int(edges) for _, edges, _ in pulses))
        self.executions += int(done[-1] if done else pulses[-1][0])
        self.findings += "Test unit written to" in text
        if time.monotonic() >= self.end - 1 or self.starts == 50:
            return True
        self.begin()
        return False


def together(where, target, seed, options):
    running, done = [], []
    try:
        running = [Run(where, target, way, seed, options.time) for way in options.way]
        while running:
            time.sleep(0.2)
            over = [run for run in running if run.over()]
            done += over
            running = [run for run in running if run not in over]
    finally:
        for run in running:
            stop(run.process)
    return {run.way: run for run in done}


def verdict(results, target, by_way):
    """The mutator has to reach more than bytes do, in the middle of the seeds."""
    middle = {way: statistics.median(run.edges for run in runs) for way, runs in by_way.items()}
    if "operations" in middle and "bytes" in middle:
        results.check(f"{target}: operations beat bytes", middle["operations"] > middle["bytes"],
                      f"{middle['operations']:g} edges to {middle['bytes']:g}")


def work(options, where, names):
    results = Results("fuzz")
    options.way = options.way or list(WAYS)
    rows = []
    for target in names:
        by_way = {way: [] for way in options.way}
        for seed in range(1, options.seeds + 1):
            say(f"{target}, seed {seed}: {len(options.way)} ways at once, {options.time} s ...")
            for way, run in together(where, target, seed, options).items():
                by_way[way].append(run)
        for way, runs in by_way.items():
            edges = [run.edges for run in runs]
            rows.append((target, way, f"{statistics.median(edges):g}",
                         " ".join(map(str, edges)),
                         f"{statistics.median(run.executions for run in runs):g}",
                         sum(run.findings for run in runs)))
            results.figures[f"{target}, {way}"] = {
                "edges": edges, "executions": [run.executions for run in runs],
                "findings": sum(run.findings for run in runs)}
        verdict(results, target, by_way)
    say("\n" + table(("target", "way", "edges", "by seed", "executions", "findings"), rows,
                     "llrlrr"))
    return results.close(options.json)
