# SPDX-License-Identifier: MIT
"""What ci/mutate runs at the same time: tasks are generators that yield what they wait for, and a
slot is a copy of the sources that one task at a time changes."""

import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import time

from common import ROOT, Failure, environment, run, start, stop
from mutate_source import FLAGS, digest, read, write

# A function that nobody calls is kept, or its mutants would all compile to the same nothing.
COMPILE = ["gcc", "-O1", "-c", "-w", "-x", "c", *FLAGS, "-fkeep-inline-functions",
           "-fkeep-static-functions", "-Werror=incompatible-pointer-types",
           "-Werror=int-conversion", "-Werror=implicit-function-declaration"]


def copy_tree(where, names):
    for name in names:
        if os.path.isdir(os.path.join(ROOT, name)):
            shutil.copytree(os.path.join(ROOT, name), os.path.join(where, name),
                            ignore=shutil.ignore_patterns("__pycache__"))
        elif os.path.exists(os.path.join(ROOT, name)):
            shutil.copy(os.path.join(ROOT, name), where)


class Slot:
    """A copy of the sources."""

    def __init__(self, where, names):
        self.where = where
        copy_tree(where, names)
        self.changed = None

    def path(self, name):
        return os.path.join(self.where, name)

    def change(self, mutant):
        self.restore()
        text = read(self.path(mutant.path))
        self.changed = mutant.path, text
        write(self.path(mutant.path), mutant.apply(text))

    def restore(self):
        if self.changed:
            path, text = self.changed
            write(self.path(path), text)
            self.changed = None


class Command:
    """A program whose last lines are kept; finish() is true when it has ended."""

    def __init__(self, command, cwd, limit):
        self.command, self.cwd, self.limit = command, cwd, limit
        self.late = False

    def start(self):
        self.begin = time.monotonic()
        self.log = open(os.path.join(self.cwd, "command.log"), "w+b")
        self.process = start(self.command, cwd=self.cwd, stdout=self.log,
                             stderr=subprocess.STDOUT)

    def finish(self):
        if self.process.poll() is None:
            if time.monotonic() - self.begin > self.limit:
                self.late = True
                stop(self.process)
            return False
        self.seconds = time.monotonic() - self.begin
        self.log.seek(0)
        self.text = self.log.read().decode(errors="replace")
        self.log.close()
        return True

    @property
    def status(self):
        return self.process.returncode


def drive(tasks, slots, done, tick=lambda: True):
    """Runs the tasks, each a function of a slot that gives a generator, one a slot at a time.
    done(task, result) takes what the generator returns; tick() says whether to start more."""
    waiting, free = collections.deque(tasks), list(slots)
    running = []    # [task, slot, generator, what it waits for]
    try:
        while waiting or running:
            while waiting and free and tick():
                task, slot = waiting.popleft(), free.pop()
                running.append([task, slot, task(slot), None])
            if not running:
                return
            for entry in list(running):
                task, slot, generator, job = entry
                if job is not None and not job.finish():
                    continue
                try:
                    entry[3] = None
                    entry[3] = next(generator)
                    entry[3].start()
                except StopIteration as end:
                    running.remove(entry)
                    free.append(slot)
                    done(task, end.value)
            time.sleep(0.05)
    finally:
        for entry in running:
            if entry[3] is not None and getattr(entry[3], "process", None):
                stop(entry[3].process)


class Screen:
    """Compiles mutants with gcc -O1: one that does not compile is none, and one whose object code
    is that of the original is equivalent by the compiler's word."""

    def __init__(self, cache, scratch, jobs):
        self.cache, self.jobs = cache, jobs
        self.where = os.path.join(scratch, "screen")
        self.slots = []
        self.originals = {}
        _, version = run(["gcc", "--version"])
        texts = [version, " ".join(COMPILE)]
        for folder, directories, files in os.walk(os.path.join(ROOT, "src")):
            directories.sort()
            texts += [name + read(os.path.join(folder, name)) for name in sorted(files)
                      if name.endswith((".h", ".acsl"))]
        self.base = digest("\0".join(texts))
        try:
            with open(cache) as file:
                self.known = json.load(file)
        except (OSError, ValueError):
            self.known = {}

    def key(self, mutant):
        return digest("\0".join((self.base, read(os.path.join(ROOT, mutant.unit)), mutant.path,
                                 str(mutant.begin), str(mutant.end), mutant.new)))

    def compile(self, slot, unit):
        out = slot.path("out.o")
        command = subprocess.run([*COMPILE, "-o", out, unit], cwd=slot.where, env=environment(),
                                 stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if command.returncode:
            return None
        with open(out, "rb") as file:
            return file.read()

    def verdict(self, mutant):
        slot = self.slots.pop()
        try:
            if mutant.unit not in self.originals:
                slot.restore()
                self.originals[mutant.unit] = self.compile(slot, mutant.unit)
                if self.originals[mutant.unit] is None:
                    raise Failure(f"gcc does not compile {mutant.unit}: mend it first")
            slot.change(mutant)
            code = self.compile(slot, mutant.unit)
        finally:
            self.slots.append(slot)
        if code is None:
            return "stillborn"
        return "equivalent" if code == self.originals[mutant.unit] else "alive"

    def pick(self, ordered, count):
        """(the first count mutants that live, the equivalent ones met on the way, how many did
        not compile)"""
        if not self.slots:
            self.slots = [Slot(os.path.join(self.where, str(k)), ["src", "proofs/logic"])
                          for k in range(self.jobs)]
        found, same, dead, rest = [], [], 0, list(ordered)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            while rest and len(found) < count:
                batch, rest = rest[:count - len(found)], rest[count - len(found):]
                new = [m for m in batch if self.key(m) not in self.known]
                for mutant, verdict in zip(new, pool.map(self.verdict, new)):
                    self.known[self.key(mutant)] = verdict
                verdicts = [self.known[self.key(m)] for m in batch]
                found += [m for m, v in zip(batch, verdicts) if v == "alive"]
                same += [m for m, v in zip(batch, verdicts) if v == "equivalent"]
                dead += verdicts.count("stillborn")
        os.makedirs(os.path.dirname(self.cache), exist_ok=True)
        with open(self.cache, "w") as file:
            json.dump(self.known, file)
        return found, same, dead
