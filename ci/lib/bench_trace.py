# SPDX-License-Identifier: MIT
"""Traces for ci/bench: recordings of real programs as files that src/bench/patterns_trace.h
replays. Three numbers of 32 bits a call: what, the object's number, the size."""

import array
import glob
import os
import re
import shutil

import bench_programs
from common import CORPUS, Failure, run, say

ALLOC, FREE, RESIZE, ZEROED = range(4)
LARGEST = 1 << 20        # what is beyond is pages rather than objects
CALLS = 300000           # of a fresh recording
# Operands of each operation of a recording; src/tools/record.c tells the format.
OPERANDS = {1: "nnnN", 2: "n", 3: "n", 4: "nn", 5: "nn", 6: "sf", 7: "o", 8: "osf", 9: "saf",
            10: "nn", 11: "nn", 12: "nnn", 13: "n", 14: "nn", 15: "nn", 16: "nn", 17: "n"}
GIVES = (4, 6, 8, 9, 10)
NOTHING, ZERO_FLAG = 0x40, 0x100


class Trace:
    """Calls, with objects renumbered so that a number is free for the next when its object is."""

    def __init__(self):
        self.words = array.array("I")
        self.place = {}         # object: number
        self.spare, self.most = [], 0

    def call(self, what, number, size=0):
        # A driver writes a word to each object.
        self.words.extend((what, number, max(size, 8)))

    def give(self, name, size, zeroed):
        if size > LARGEST:
            return
        if self.spare:
            number = self.spare.pop()
        else:
            number, self.most = self.most, self.most + 1
        self.place[name] = number
        self.call(ZEROED if zeroed else ALLOC, number, size)

    def end(self, name):
        number = self.place.pop(name, None)
        if number is not None:
            self.call(FREE, number)
            self.spare.append(number)

    def resize(self, old, name, size):
        if old not in self.place or size > LARGEST:
            self.end(old)
            self.give(name, size, False)
        else:
            self.place[name] = self.place.pop(old)
            self.call(RESIZE, self.place[name], size)

    def write(self, path):
        if not self.most:
            raise Failure(f"the trace {os.path.basename(path)} has no call")
        with open(path, "wb") as file:
            self.words.tofile(file)
        return path


def of_words(lines):
    """The trace of an input of the target kmalloc, in words."""
    trace = Trace()
    for line in lines:
        alloc = re.match(r"object (\d+) = kmalloc\(size=(\d+), gfp=(\S+)\)", line)
        resize = re.match(r"object (\d+) = krealloc\(object (\d+), size=(\d+)", line)
        free = re.match(r"kfree\(object (\d+)\)", line)
        if alloc:
            trace.give(int(alloc[1]), int(alloc[2]), "ZERO" in alloc[3])
        elif resize:
            trace.resize(int(resize[2]), int(resize[1]), int(resize[3]))
        elif free:
            trace.end(int(free[1]))
    return trace


def numbers_of(data, at, operands):
    """The operands of an event, and where the next event begins."""
    values = []
    for kind in operands:
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        if kind == "N":
            at += value
        values.append(value)
    return values, at


def of_recording(data):
    """The trace of a recording; what a killed program left unfinished at its end is left out."""
    if data[:8] != b"slabrec1":
        raise Failure("that is no recording")
    trace, at, objects = Trace(), 8, 0
    try:
        while at < len(data) and data[at] and len(trace.words) < 3 * CALLS:
            op, nothing = data[at] & 0x3f, data[at] & NOTHING
            values, at = numbers_of(data, at + 1, OPERANDS[op])
            if op in GIVES and not nothing:
                objects += 1
            if op == 7:
                trace.end(values[0])
            elif op == 8 and nothing:
                if values[1] == 0:
                    trace.end(values[0])
            elif op == 8 and values[0]:
                trace.resize(values[0], objects, values[1])
            elif op in (6, 8, 9) and not nothing:
                size, flags = values[op == 8], values[-1]
                trace.give(objects, size, bool(flags & ZERO_FLAG))
    except IndexError:
        pass
    return trace


def from_corpus(bench):
    """(name, path) of each recording in corpus/kmalloc that is more than a few calls."""
    tool = os.path.join(bench.where, "src", "tools", "slabpool-trace")
    for path in sorted(glob.glob(os.path.join(CORPUS, "kmalloc", "record-*"))):
        status, output = run([tool, "--target", "kmalloc", path])
        if status:
            raise Failure(f"slabpool-trace: status {status}: {output}")
        trace = of_words(output.splitlines())
        if trace.most > 50:
            name = "corpus/" + os.path.basename(path).removeprefix("record-")
            yield name, trace.write(bench.scratch(name.replace("/", "-") + ".trace"))


def fresh(bench):
    """(name, path) of recordings made now, of the programs of the section programs."""
    made = []
    for name, command in bench_programs.commands(bench, small=True):
        target = bench.scratch("record-" + name)
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        env = {"LD_PRELOAD": bench_programs.preload(bench),
               "SLABPOOL_OPTIONS": f"record={target}/r"}
        status, output = run(command, env=env, timeout=300, cwd=bench.scratch(""))
        files = glob.glob(target + "/r*")
        if status or not files:
            say(f"{name}: not recorded: status {status}: {output[-300:]}")
            continue
        with open(max(files, key=os.path.getsize), "rb") as file:
            made.append((name, of_recording(file.read()).write(bench.scratch(name + ".trace"))))
        shutil.rmtree(target)
    return made
