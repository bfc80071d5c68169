#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: test_replay.py PROGRAM

Tests the replay driver: PROGRAM is a fuzz target linked with it. Prints TAP."""
import os
import subprocess
import sys
import tempfile

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run(program, *words, plant=""):
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, FUZZ_PLANT=plant), check=False)
    return done.returncode, done.stdout, done.stderr


def put(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


@check
def names_are_sorted(program, folder):
    for name in ("b", "a", "c"):
        put(folder, name, b"\0")
    status, out, _ = run(program, folder)
    lines = [line.rsplit("/", 1)[-1] for line in out.splitlines() if line.startswith("ok")]
    return status == 0 and lines == ["a", "b", "c"] and out.startswith("1..3\n")


@check
def a_single_file_is_replayed(program, folder):
    status, out, _ = run(program, put(folder, "a", b"\0"))
    return status == 0 and out.splitlines()[-1].startswith("ok 1 - ")


@check
def a_missing_file_bails_out(program, folder):
    status, out, _ = run(program, os.path.join(folder, "nothing"))
    return status == 1 and "Bail out!" in out


@check
def a_newer_version_bails_out(program, folder):
    status, out, _ = run(program, put(folder, "a", b"SP\2"))
    return status == 2 and "Bail out!" in out and "format version 2 is newer than 1" in out


@check
def an_empty_file_bails_out(program, folder):
    put(folder, "a", b"\0")
    put(folder, "b", b"")
    status, out, _ = run(program, folder)
    return status == 1 and "Bail out!" in out and "empty" in out and "ok 1" in out


@check
def an_empty_directory_bails_out(program, folder):
    status, out, _ = run(program, folder)
    return status == 1 and "Bail out!" in out and "empty" in out


@check
def no_argument_bails_out(program, folder):
    status, out, _ = run(program)
    return status == 1 and "Bail out!" in out


@check
def an_unreadable_file_bails_out(program, folder):
    # A directory that cannot be read as a file; permissions do not stop a superuser.
    os.symlink(os.path.join(folder, "nowhere"), os.path.join(folder, "a"))
    status, out, _ = run(program, folder)
    return status == 1 and "Bail out!" in out


@check
def a_failing_oracle_fails_the_run(program, folder):
    # A cache and three objects, and an adapter that gives misaligned ones.
    path = put(folder, "a", bytes(15) + bytes([0, 0, 0, 0, 0, 0]) + bytes([1, 0, 0]) * 3)
    good, _, _ = run(program, path)
    status, out, error = run(program, path, plant="misaligned-object")
    return (good == 0 and status != 0 and "ok 1" not in out and "fuzz: oracle alignment" in error
            and "kmem_cache_alloc(cache 0" in error)


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        print(__doc__)
        return 0 if sys.argv[-1] == "--help" else 2
    failed = 0
    print(f"1..{len(CHECKS)}")
    for number, function in enumerate(CHECKS, 1):
        with tempfile.TemporaryDirectory() as folder:
            held = function(sys.argv[1], folder)
        failed += not held
        print(f"{'ok' if held else 'not ok'} {number} - {function.__name__.replace('_', ' ')}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
