#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: test_plants.py BUILD CORPUS [NAME...]

Replays the corpora under every planted bug (fuzz/planted.c) and checks that each is found, and that
the oracle which it is for finds it. BUILD holds the programs fuzz_TARGET with the replay driver,
CORPUS a directory a target. Prints TAP."""
import os
import re
import subprocess
import sys

HASH = re.compile("[0-9a-f]{40}$")


def plants(build):
    program = os.path.join(build, "fuzz_kmem_cache")
    text = subprocess.run([program, "--plants"], check=True, capture_output=True, text=True).stdout
    return [tuple(line.split("\t")) for line in text.splitlines()]


def run(build, corpus, target, bug, *options):
    """Replays the inputs of one corpus that are named in words under a bug: the status, and the
    oracle that failed or ''. What fuzzing found may let another oracle see the bug first."""
    folder = os.path.join(corpus, target)
    named = [name for name in sorted(os.listdir(folder)) if not HASH.match(name)]
    command = [os.path.join(build, "fuzz_" + target), *(options or ("--twice",)),
               *(os.path.join(folder, name) for name in named)]
    environment = dict(os.environ, FUZZ_PLANT=bug)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                          env=environment, timeout=300, check=False)
    found = re.search(r"^fuzz: oracle (.+)$", done.stderr, re.M) or \
        re.search(r"WARNING: (M)emory(San)itizer: use-of-uninitialized-value", done.stderr)
    return done.returncode, "".join(found.groups()) if found else "", done.stderr


def traces(build, corpus, target, bug, processes):
    """The hashes that fresh processes print of one input, each at another place in memory."""
    path = os.path.join(corpus, target, min(os.listdir(os.path.join(corpus, target))))
    texts = (subprocess.run([os.path.join(build, "fuzz_" + target), "--trace", path], check=True,
                            capture_output=True, text=True,
                            env=dict(os.environ, FUZZ_PLANT=bug)).stdout for _ in range(processes))
    return {re.search("^# trace ([0-9a-f]{16})$", text, re.M).group(1) for text in texts}


def main():
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    if len(sys.argv) < 3 or not os.path.isdir(sys.argv[2]):
        print(__doc__, file=sys.stderr)
        return 2
    build, corpus, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    chosen = [plant for plant in plants(build) if not only or plant[0] in only]
    # Only TSan sees a race: ci/test-ci replays them under it.
    chosen = [plant for plant in chosen if plant[1] != "race"]
    targets = sorted({target for _, _, target in chosen})
    failed, number = 0, 0
    swept = sum(1 for plant in chosen if plant[0].startswith("fault-"))
    print(f"1..{len(chosen) + 2 * swept + 2 * len(targets) + 1}")

    def check(held, text, more=""):
        nonlocal failed, number
        number += 1
        failed += not held
        print(f"{'ok' if held else 'not ok'} {number} - {text}", flush=True)
        for line in more.splitlines()[:6] if not held else ():
            print(f"# {line}")

    # Without a bug nothing is found: otherwise all that follows would say nothing.
    for target in targets:
        status, oracle, error = run(build, corpus, target, "")
        check(status == 0 and not oracle, f"{target} without a bug passes", error)
        found = traces(build, corpus, target, "", 3)
        check(len(found) == 1, f"{target} without a bug has one trace in fresh processes",
              " ".join(found))
    # MSan or TSan, where it is built in, may be the first to see what a bug does.
    for name, want, target in chosen:
        if want == "fresh":
            found = traces(build, corpus, target, name, 20)   # each sees the bug or not, by chance
            check(len(found) > 1, f"{name} is found by fresh processes")
            continue
        status, oracle, error = run(build, corpus, target, name)
        if name.startswith("fault-"):
            check(status == 0, f"{name} is not found by replay alone", error)
            status, oracle, error = run(build, corpus, target, name, "--sweep", "--most", "3")
            check("fuzz: under the fault " in error, f"{name} is found with the fault named")
        race = target == "threads" and "WARNING: ThreadSanitizer: data race" in error
        check(status != 0 and (oracle in (want, "MSan") or race),
              f"{name} is found by oracle \"{want}\"",
              f"status {status}, oracle \"{oracle}\"\n{error}")
    status, _, error = run(build, corpus, "kmem_cache", "no-such-bug")
    check(status == 2 and "FUZZ_PLANT" in error, "an unknown bug is refused", error)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
