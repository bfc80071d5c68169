# SPDX-License-Identifier: MIT
"""The entries of the corpora: what each is in words, what it alone reaches, which bugs it finds."""

import hashlib
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from common import (BUILD, CORPUS, LLVM, ROOT, Failure, compile, cores, run, sanitized, trace)

HASH = re.compile(r"^[0-9a-f]{40}$")
NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?$")
RECORD = re.compile(r"^record-[a-zA-Z0-9_.-]+$")
CALL = re.compile(r"(\w+)\((.*)\)$")
CORE = re.compile(r"/(src/core/[\w.]+|src/include/slabpool/(?:hot|inline|magazine)\.h)$")


def inputs_of(target):
    """The corpus files of a target, as paths below its directory."""
    top = os.path.join(CORPUS, target)
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, _, names in os.walk(top) for name in names)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def each(function, things):
    """What the function gives for each, several at a time, in order."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, things))


class Words:
    """Bytes to words and back, by slabpool-trace."""

    def __init__(self, target):
        self.target, self.program = target, trace()
        self.scratch = os.path.join(BUILD, "corpus", target)
        os.makedirs(self.scratch, exist_ok=True)

    def of(self, path):
        status, text = run([self.program, "--target", self.target, path], timeout=60)
        if status:
            raise Failure(f"{path}: slabpool-trace: status {status}: {text.strip()[-300:]}")
        return text

    def assemble(self, text):
        """The bytes of words; None if they are none."""
        name = os.path.join(self.scratch, sha1(text.encode()))
        with open(name + ".txt", "w") as file:
            file.write(text)
        status, _ = run([self.program, "--target", self.target, "--assemble", name + ".txt",
                         "--output", name], timeout=60)
        data = content(name) if status == 0 else None
        for path in (name, name + ".txt"):
            if os.path.exists(path):
                os.unlink(path)
        return data

    def normal(self, path):
        """The bytes that the program of a file is written as."""
        return self.assemble(self.of(path))


class Entry:
    def __init__(self, target, name, text):
        self.target, self.name = target, name
        self.path = os.path.join(CORPUS, target, name)
        self.bytes = os.path.getsize(self.path)
        self.words = text.splitlines()
        self.operations = len(self.words) - 1
        self.edges, self.lines = set(), set()
        self.alone, self.alone_lines = set(), set()
        self.finds = []

    def summary(self, standard, most=9):
        """In a line: how the instance differs from the standard one, the operations in the order of
        their first coming, with how often they come."""
        mine, other = (CALL.search(line).group(2).split(", ") for line in (self.words[0], standard))
        parts = [arg for arg in mine if arg not in other]
        often = {}
        for line in self.words[1:]:
            name = CALL.search(line).group(1)
            often[name] = often.get(name, 0) + 1
        calls = [name + (f" x{times}" if times > 1 else "") for name, times in often.items()]
        if len(calls) > most:
            calls[most:] = [f"{len(calls) - most} more"]
        return (f"[{' '.join(parts)}] " if parts else "") + ", ".join(calls)


def entries(target):
    words = Words(target)
    names = inputs_of(target)
    texts = each(lambda name: words.of(os.path.join(CORPUS, target, name)), names)
    return [Entry(target, name, text) for name, text in zip(names, texts)]


def standard_line(target):
    """The instance's line with its standard values."""
    words = Words(target)
    path = os.path.join(words.scratch, "standard")
    with open(path, "wb") as file:
        file.write(words.assemble("instance()\n"))
    return words.of(path).splitlines()[0]


# What an entry reaches ---------------------------------------------------------------------------

def places(program):
    """Of each edge that libFuzzer counts in a program: (file of src/core or the fast path, line),
    or None for other files. libFuzzer's table of addresses is filled in by the loader: the
    relocations say with what."""
    status, text = run(["llvm-readelf" + LLVM, "-S", "-r", "-W", program])
    section = re.search(r"__sancov_pcs\s+\S+\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)", text)
    if status or not section:
        raise Failure(f"{program} has no table of what libFuzzer counts")
    start, size = (int(number, 16) for number in section.groups())
    addresses = {}
    for offset, value in re.findall(r"^([0-9a-f]+)\s+\S+\s+R_\S+_RELATIVE\s+([0-9a-f]+)$", text,
                                    re.M):
        index = (int(offset, 16) - start) // 16
        if 0 <= index < size // 16 and (int(offset, 16) - start) % 16 == 0:
            addresses[index] = value
    if len(addresses) != size // 16:
        raise Failure(f"{program}: {len(addresses)} of {size // 16} edges have an address")
    listed = os.path.join(BUILD, "corpus", os.path.basename(program) + ".edges")
    with open(listed, "w") as file:
        file.writelines(f"0x{addresses[index]}\n" for index in range(len(addresses)))
    status, text = run(["sh", "-c", f"llvm-symbolizer{LLVM} --no-inlines --functions=none "
                        f"--obj='{program}' < '{listed}'"])
    found = [line for line in text.splitlines() if line.strip()]
    if status or len(found) != len(addresses):
        raise Failure(f"llvm-symbolizer{LLVM}: {len(found)} of {len(addresses)} places")
    result = []
    for line in found:
        path, number = line.rsplit(":", 2)[:2]
        match = CORE.search(os.path.abspath(path))
        result.append((match.group(1), int(number)) if match else None)
    return result


def features(program, target):
    """{name: the features that libFuzzer sees in it}, of one run over a target's corpus."""
    where = os.path.join(BUILD, "corpus", target)
    control, out = os.path.join(where, "control"), os.path.join(where, "merged")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    if os.path.exists(control):
        os.unlink(control)
    status, text = run([program, "-set_cover_merge=1", f"-merge_control_file={control}", out,
                        os.path.join(CORPUS, target)], cwd=ROOT, timeout=1800)
    if status:
        raise Failure(f"{target}: not every input runs: ci/replay --target {target}\n{text[-500:]}")
    with open(control) as file:
        lines = file.read().splitlines()
    names = lines[2:2 + int(lines[0])]
    found = {}
    for line in lines[2 + int(lines[0]):]:
        kind, _, rest = line.partition(" ")
        if kind == "FT":
            number, *numbers = map(int, rest.split())
            found[os.path.relpath(names[number], os.path.join(CORPUS, target))] = numbers
    return found


def reach(where, by_target):
    """Fills in what each entry reaches, and what it alone does."""
    seen = {}
    for target in by_target:
        program = os.path.join(where, "fuzz_" + target)
        seen[target] = places(program), features(program, target)
    reach_of(by_target, seen)


def reach_of(by_target, seen):
    """Alone: edges among the inputs of a target, lines among all. A feature is an edge and how
    often it was taken, in eight steps; features behind those are of other kinds."""
    everywhere = {}
    for target, listed in by_target.items():
        places_of, numbers = seen[target]
        times = {}
        for entry in listed:
            edges = {number // 8 for number in numbers.get(entry.name, ())}
            entry.edges = {edge for edge in edges if edge < len(places_of) and places_of[edge]}
            entry.lines = {places_of[edge] for edge in entry.edges}
            for edge in entry.edges:
                times[edge] = times.get(edge, 0) + 1
            for line in entry.lines:
                everywhere[line] = everywhere.get(line, 0) + 1
        for entry in listed:
            entry.alone = {edge for edge in entry.edges if times[edge] == 1}
    for listed in by_target.values():
        for entry in listed:
            entry.alone_lines = {line for line in entry.lines if everywhere[line] == 1}


# Which planted bugs an entry finds ---------------------------------------------------------------

def replay_programs():
    where = sanitized("plain")
    compile(where, ["fuzzers"])
    return os.path.join(where, "fuzz")


def plants(where):
    """[(name, oracle, target)] of the bugs that stand in front of the allocator (fuzz/planted.c)
    and that an input can show alone: without other processes, MSan, TSan or faults of a sweep."""
    program = next(os.path.join(where, name) for name in sorted(os.listdir(where))
                   if name.startswith("fuzz_") and os.access(os.path.join(where, name), os.X_OK)
                   and os.path.isfile(os.path.join(where, name)))
    status, text = run([program, "--plants"])
    if status:
        raise Failure(f"{program} --plants: status {status}")
    rows = [tuple(line.split("\t")[:3]) for line in text.splitlines()]
    return [row for row in rows if row[1] not in ("fresh", "MSan", "race") and
            not row[0].startswith("fault-")]


def oracle_of(where, target, path, plant):
    """The oracle that fails for an input under a planted bug; '' if none does."""
    _, text = run([os.path.join(where, "fuzz_" + target), "--twice", path], cwd=ROOT, timeout=120,
                  env={"FUZZ_PLANT": plant})
    found = re.search(r"^fuzz: oracle (.+)$", text, re.M)
    return found.group(1) if found else ""


def hunt(where, listed):
    """Fills in which planted bugs the entries that are named in words find."""
    pairs = [(entry, bug) for entry in listed if not HASH.match(entry.name)
             for bug in plants(where) if bug[2] == entry.target]
    found = each(lambda pair: oracle_of(where, pair[0].target, pair[0].path, pair[1][0]), pairs)
    for (entry, (bug, oracle, _)), seen in zip(pairs, found):
        if seen == oracle:
            entry.finds.append(bug)
