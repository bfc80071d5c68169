# SPDX-License-Identifier: MIT
"""Whether an input always does the same: each runs twice in one process and once in a fresh one,
and the hashes of the three traces (what the allocator did and answered) have to be equal."""

import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from common import ROOT, compile, cores, relative, run, sanitized, say, tail

TRACE = re.compile(r"^# trace ([0-9a-f]{16})$", re.M)


def fresh(program, path):
    """The trace of one input in a process of its own; what it said instead if there is none."""
    done = subprocess.run([program, "--trace", path], capture_output=True, text=True, cwd=ROOT,
                          errors="replace", timeout=600, check=False)
    found = TRACE.search(done.stdout)
    return found.group(1) if found else f"status {done.returncode}: {done.stderr.strip()[-200:]}"


def check(results, target, program, paths):
    begin = time.monotonic()
    log = os.path.join(os.path.dirname(program), f"twice-{target}.log")
    if os.path.exists(log):
        os.unlink(log)
    status, _ = run([program, "--twice", "--trace", *paths], log=log, cwd=ROOT, timeout=1800)
    with open(log, errors="replace") as file:
        once = TRACE.findall(file.read())
    failures = []
    if status or len(once) != len(paths):
        failures.append(f"status {status} after {len(once)} of {len(paths)} inputs")
        say(tail(log, 10))
    with ThreadPoolExecutor(cores()) as pool:
        alone = list(pool.map(lambda path: fresh(program, path), paths))
    failures += [f"{relative(path)}: {first} among others, {second} in a fresh process"
                 for path, first, second in zip(paths, once, alone) if first != second]
    for text in failures[:10]:
        say(f"  {text}")
    passed = max(0, len(paths) - len(failures))
    results.add(f"{target}, same trace", passed=passed, failed=len(failures), failures=failures,
                seconds=time.monotonic() - begin)
    say(f"  {target:12} {'same trace':12} {passed} passed, {len(failures)} failed")


def replay(results, by_target, compiler=None):
    """by_target: {target: files}"""
    say("building for three runs of each input ...")
    where = sanitized("plain", compiler)
    compile(where, ["fuzzers"])
    for target, paths in by_target.items():
        check(results, target, os.path.join(where, "fuzz", "fuzz_" + target), sorted(paths))
