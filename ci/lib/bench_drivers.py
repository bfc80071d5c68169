# SPDX-License-Identifier: MIT
"""The drivers of ci/bench: which allocators there are, and their processes.

A driver is a program of src/bench with one allocator in one form. Its process is kept alive and
told over a pipe what to measure, so that rounds of all drivers can alternate."""

import glob
import json
import os
import re
import select
import subprocess
import time

import common
from bench_figures import OTHER, OURS, PEER
from common import Failure, Usage, build, run, say, start, stop

OPTIONS = ["--buildtype=release", "-Dtests=false"]
# Allocators that stand in malloc's place: the name, the library, the package.
MALLOCS = (("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
           ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
           ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"))
# What cannot be built says which package it lacks.
LACKS = {"gslice": "libglib2.0-dev", "dpdk": "libdpdk-dev", "boost": "libboost-dev and g++",
         "lto": "a linker that takes -flto", "kmalloc-lto": "a linker that takes -flto"}


class Driver:
    """One allocator in one form.

    kind: OURS; PEER, a growable, thread-safe allocator to be compared with; OTHER, which is shown
    but not judged by: of a fixed population, for one thread, or only a part of an allocator."""

    def __init__(self, name, program, kind, options=(), preload=None, package=None, tuning=None):
        self.name, self.program, self.kind = name, program, kind
        self.options, self.preload, self.package = list(options), preload, package
        self.tuning = tuning

    def command(self, *words):
        return [self.program, *self.options, *map(str, words)]

    def program_name(self):
        return os.path.basename(self.program).removeprefix("bench-")

    def env(self):
        return {"LD_PRELOAD": self.preload, "SLABPOOL_OPTIONS": self.tuning}


# Drivers that are no malloc: the name, the form, the kind, options.
FORMS = (("shared", "shared", OURS, ()), ("inline", "inline", OURS, ()), ("lto", "lto", OURS, ()),
         ("kmalloc", "kmalloc", OURS, ()), ("kmalloc-lto", "kmalloc-lto", OURS, ()),
         ("mempool", "mempool", OTHER, ()),
         ("mempool-failing", "mempool", OTHER, ("--failing",)),
         ("shared-no-check", "shared-no-check", OTHER, ()),
         ("inline-no-check", "inline-no-check", OTHER, ()),
         ("lto-no-check", "lto-no-check", OTHER, ()),
         ("glibc", "malloc", PEER, ()), ("glibc-untrimmed", "malloc", PEER, ("--untrimmed",)),
         ("gslice", "gslice", PEER, ()),
         ("dpdk", "dpdk", OTHER, ()), ("boost", "boost", OTHER, ()), ("floor", "floor", OTHER, ()),
         ("calls", "calls", OTHER, ()), ("empty", "empty", OTHER, ()))


def library(name):
    """Path of an installed shared library, or None."""
    status, text = run(["ldconfig", "-p"],
                       env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    found = [line.split()[-1] for line in text.splitlines() if line.split()[:1] == [name]]
    return found[0] if status == 0 and found else None


def missing(drivers, skips):
    """The peers in malloc's place, and a word about each that is not there."""
    malloc = next(driver for driver in drivers if driver.name == "glibc")
    for name, soname, package in MALLOCS:
        path = library(soname)
        if path:
            drivers.append(Driver(name, malloc.program, PEER, preload=path, package=package))
        else:
            skips.append(f"{name}: package {package} is not installed (ci/setup --bench)")
    return malloc


def extra(paths, malloc, drivers):
    """--peer: other libraries in malloc's place."""
    for path in paths or ():
        name = re.sub(r"\.so.*$", "", os.path.basename(path)).removeprefix("lib")
        if not os.access(path, os.R_OK):
            raise Usage(f"--peer: cannot read '{path}'")
        driver = Driver(name, malloc.program, PEER, preload=os.path.abspath(path))
        status, text = run(driver.command("run", "hot", 64, 64, 1, 1), env=driver.env(), timeout=60)
        if status or not re.search(r"^ok ", text, re.M) or "cannot be preloaded" in text:
            raise Usage(f"--peer: '{path}' is no malloc that can be preloaded:\n{text.strip()}")
        drivers.append(driver)


def tuned(texts, drivers):
    """--options: slabpool's own forms once more, with other options than the default ones."""
    for text in texts or ():
        for driver in [each for each in drivers if each.name in ("shared", "inline")]:
            more = Driver(f"{driver.name}[{text}]", driver.program, OURS, tuning=text)
            status, said = run(more.command("run", "hot", 64, 64, 1, 1), env=more.env(), timeout=60)
            if status or "slabpool:" in said:
                raise Usage(f"--options: '{text}' is refused:\n{said.strip()}")
            drivers.append(more)


def available(compiler=None, peers=None, tunings=None):
    """Builds the drivers. (drivers, what is skipped and why, the build directory)"""
    where = build("bench" + (f"-{compiler}" if compiler else ""), OPTIONS, compiler)
    common.compile(where, ["bench-drivers"])
    drivers, skips = [], []
    for name, form, kind, options in FORMS:
        program = os.path.join(where, "src", "bench", f"bench-{form}")
        if os.access(program, os.X_OK) and form_is_built(where, form):
            drivers.append(Driver(name, program, kind, options))
        else:
            skips.append(f"{name}: needs {LACKS.get(name, 'to be built')}")
    malloc = missing(drivers, skips)
    extra(peers, malloc, drivers)
    tuned(tunings, drivers)
    return drivers, skips, where


def form_is_built(where, form, known={}):
    """Whether the build still has this form: its program may be left over from another time."""
    if where not in known:
        status, text = run(["meson", "introspect", "--targets", where])
        if status:
            raise Failure(f"meson introspect failed:\n{text}")
        known[where] = {target["name"] for target in json.loads(text)}
    return f"bench-{form}" in known[where]


class Process:
    """A driver that waits for commands."""

    def __init__(self, driver):
        self.driver = driver
        self.process = start(driver.command(), env=driver.env(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, *words, timeout=300):
        """The words of the answer."""
        line = " ".join(map(str, words))
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.line(time.monotonic() + timeout)
        except BrokenPipeError:
            answer = ""
        if not answer or answer.split()[0] not in ("ok", "skip"):
            stop(self.process)  # for its last words
            text = self.process.stderr.read().decode(errors="replace")
            raise Failure(f"{self.driver.name}: '{line}' failed: {answer}{text[-2000:]}")
        return answer.split()

    def line(self, until):
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, until - time.monotonic()))
            part = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not part:
                return ""
            text += part
        # What a library says of itself comes before the answer.
        return text.decode(errors="replace").splitlines()[-1]

    def close(self, at_once=False):
        """Without a further command it ends; at_once: even if it is at work."""
        try:
            self.process.stdin.close()
            if not at_once:
                self.process.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            at_once = True
        if at_once:
            stop(self.process)
        self.process.stdout.close()
        self.process.stderr.close()


class Team:
    """Processes of several drivers; with rounds in turn."""

    def __init__(self, drivers):
        self.processes = []
        self.drivers = drivers

    def __enter__(self):
        try:
            for driver in self.drivers:
                self.processes.append(Process(driver))
        except BaseException:
            self.__exit__(Failure)
            raise
        return self

    def __exit__(self, kind=None, *_):
        for process in self.processes:
            process.close(at_once=kind is not None)

    def rounds(self, count, words):
        """Yields (driver, round, nanoseconds) of a command. Round 0 warms up and is not told. A
        driver that answers "skip" takes no further part."""
        taking_part = list(self.processes)
        for number in range(count + 1):
            turn = number % len(taking_part) if taking_part else 0
            for process in taking_part[turn:] + taking_part[:turn]:
                answer = process.ask(*words)
                if answer[0] == "skip":
                    taking_part.remove(process)
                elif number:
                    yield process.driver, number, float(answer[1])


def ask_once(driver, *words, timeout=300):
    """The answer of a process that does nothing else."""
    process = Process(driver)
    try:
        answer = process.ask(*words, timeout=timeout)
    except BaseException:
        process.close(at_once=True)
        raise
    process.close()
    return answer


def versions(drivers):
    """Versions of what is compared, as far as the system knows."""
    found = {}
    packages = {driver.name: driver.package for driver in drivers if driver.package}
    packages.update(glibc="libc6", gslice="libglib2.0-0", dpdk="libdpdk-dev",
                    boost="libboost-dev", valgrind="valgrind")
    names = {driver.name for driver in drivers} | {"valgrind"}
    for name, package in packages.items():
        status, text = run(["dpkg-query", "-W", "-f=${Version}", package])
        if name in names and status == 0 and text:
            found[name] = text
    return found


def machine(compiler=None):
    """The machine, as far as it matters for figures."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith(("model name", "Model", "Hardware")):
                model = line.split(":", 1)[1].strip()
                break
    governor = "unknown"
    for path in glob.glob("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"):
        with open(path) as file:
            governor = file.read().strip()
    huge = "unknown"
    if os.path.exists("/sys/kernel/mm/transparent_hugepage/enabled"):
        with open("/sys/kernel/mm/transparent_hugepage/enabled") as file:
            huge = re.sub(r".*\[(\w+)\].*", r"\1", file.read().strip())
    uname = os.uname()
    _, text = run([compiler or "cc", "--version"])
    return {"processor": model, "cores": common.cores(), "machine": uname.machine,
            "kernel": uname.release, "governor": governor, "huge_pages": huge,
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            "load": round(os.getloadavg()[0], 2), "compiler": (text.splitlines() or ["?"])[0]}


def describe(facts):
    say(f"{facts['processor']}, {facts['cores']} cores, {facts['machine']}, Linux "
        f"{facts['kernel']}, governor {facts['governor']}, huge pages {facts['huge_pages']}, "
        f"load {facts['load']}; {facts['compiler']}")
    if facts["load"] > 0.5:
        say("other programs run beside: figures will scatter")
