#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: test_trace.py TRACE LIBRARY CORPUS [--cc COMPILER]

Tests slabpool-trace on the corpora: words and bytes are two forms of one program, the C program
compiles against the library alone and runs, bad files get a message and status 2. Prints TAP."""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(HERE, "..", "src", "include")
# One input a target for which a program in C is compiled and run, and what it must say.
PROGRAMS = (
    ("kmem_cache", "double-free", 1), ("kmem_cache", "magazines-and-depot", 0),
    ("kmem_cache", "destroy-with-live-objects", 20), ("kmem_cache", "constructor", 0),
    ("kmem_cache", "thread-ends", 0), ("kmem_cache", "commits-from-fails-at-60", None),
    ("kmem_cache", "names", 3), ("kmalloc", "krealloc", 1), ("kmalloc", "wrong-call", 9),
    ("kmalloc", "every-class", 0), ("mempool", "bulk", None), ("mempool", "over-slab-0", 1),
    ("mempool", "waits-for-the-backend", 0), ("geometry", "real-caches", 0),
)


class Tests:
    def __init__(self, options):
        self.options = options
        self.number = self.failed = 0

    def check(self, held, text, more=""):
        self.number += 1
        self.failed += not held
        print(f"{'ok' if held else 'not ok'} {self.number} - {text}", flush=True)
        for line in more.splitlines()[:12] if not held else ():
            print(f"# {line}")

    def trace(self, *words, data=None):
        done = subprocess.run([self.options.trace, *words], input=data, capture_output=True,
                              timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def round_trip(self, target):
        """Words of an input, assembled, are words of the same program again."""
        folder = os.path.join(self.options.corpus, target)
        wrong = []
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            status, words, _ = self.trace(path)
            _, data, error = self.trace("--target", target, "--assemble", "-", data=words)
            with tempfile.NamedTemporaryFile() as file:
                file.write(data or b"\0")
                file.flush()
                _, again, _ = self.trace("--target", target, file.name)
            if status or not words or again != words:
                wrong.append(f"{name}: {error}")
        self.check(not wrong, f"{target}: words and bytes are one program", "\n".join(wrong))

    def versions(self, folder):
        """Old inputs mean what they meant, and the same when upgraded; newer ones are refused."""
        with open(os.path.join(HERE, "version0.txt")) as file:
            blocks = file.read().split("\n\n")[1:]
        for number, block in enumerate(blocks):
            head, words = block.split("\n", 1)
            target, data = head.split()
            old, new = (os.path.join(folder, f"{number}-{name}") for name in ("old", "new"))
            with open(old, "wb") as file:
                file.write(bytes.fromhex(data))
            self.trace("--target", target, "--upgrade", old, "--output", new)
            texts = [self.trace("--target", target, path)[1].decode() for path in (old, new)]
            with open(new, "rb") as file:
                fresh = file.read(3) == b"SP\1"
            # The instance's line may have got more arguments.
            instance, rest = words.rstrip("\n").split("\n", 1)
            held = fresh and texts[0] == texts[1] and texts[0].endswith(f"\n{rest}\n") and \
                texts[0].startswith(instance[:-1])
            self.check(held, f"version 0 of {target} keeps its meaning ({number})",
                       "\n".join(texts))
        newer = os.path.join(folder, "newer")
        with open(newer, "wb") as file:
            file.write(b"SP\2something")
        self.refused("a newer version", "--target", "kmalloc", newer)
        self.refused("a newer version to upgrade", "--target", "kmalloc", "--upgrade", newer)

    def program(self, target, name, reports):
        status, text, error = self.trace("--c", os.path.join(self.options.corpus, target, name))
        what = f"{target}/{name} as a C program"
        if status:
            self.check(False, what, f"status {status}: {error}")
            return
        with tempfile.TemporaryDirectory() as folder:
            source, program = os.path.join(folder, "run.c"), os.path.join(folder, "run")
            with open(source, "wb") as file:
                file.write(text)
            library = os.path.abspath(self.options.library)
            done = subprocess.run([*shlex.split(self.options.cc), "-std=gnu11", "-Wall", "-Werror",
                                   "-Wno-unused-function", "-Wno-unused-variable", "-I", INCLUDE,
                                   source, library, "-Wl,-rpath," + os.path.dirname(library),
                                   "-o", program],
                                  capture_output=True, text=True, timeout=120, check=False)
            if done.returncode == 0:
                done = subprocess.run([program], capture_output=True, text=True, timeout=60,
                                      check=False)
        last = done.stdout.splitlines()[-1] if done.stdout else ""
        held = done.returncode == 0 and last.endswith(" reports")
        if reports is not None:
            held = held and last == f"{reports} reports"
        self.check(held, what, f"status {done.returncode}: {last}\n{done.stderr}")

    def refused(self, text, *words, data=None):
        status, _, error = self.trace(*words, data=data)
        self.check(status == 2 and error.startswith("slabpool-trace: "), text,
                   f"status {status}: {error}")

    def recordings(self, folder):
        def put(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            return path

        good = put("good", b"slabrec1" + bytes([6, 100, 0, 6, 0xac, 2, 0, 7, 1, 8, 2, 50, 0, 7, 3]))
        status, data, error = self.trace("--target", "kmalloc", "--from-recording", good)
        with tempfile.NamedTemporaryFile() as file:
            file.write(data or b"\0")
            file.flush()
            _, words, _ = self.trace("--target", "kmalloc", file.name)
        want = ["object 0 = kmalloc(size=100, gfp=GFP_NOWAIT)",
                "object 1 = kmalloc(size=300, gfp=GFP_NOWAIT)", "kfree(object 0)",
                "object 2 = krealloc(object 1, size=50, gfp=GFP_NOWAIT)", "kfree(object 2)"]
        self.check(status == 0 and words.decode().splitlines()[1:] == want,
                   "a recording becomes the program that it recorded", error + words.decode())
        self.refused("a recording of nothing", "--target", "kmalloc", "--from-recording",
                     put("nothing", b"slabrec1"))
        self.refused("a recording with an unknown event", "--target", "kmalloc",
                     "--from-recording", put("unknown", b"slabrec1\x3f"))
        self.refused("no recording", "--target", "kmalloc", "--from-recording",
                     put("other", b"something else"))
        self.refused("an empty file", "--target", "kmalloc", put("empty", b""))
        self.refused("an input in no target's directory", good)

    def run(self):
        targets = sorted(os.path.basename(name) for name in os.listdir(self.options.corpus)
                         if os.path.isdir(os.path.join(self.options.corpus, name)))
        print(f"1..{len(targets) + len(PROGRAMS) + 24}")
        for target in targets:
            self.round_trip(target)
        for entry in PROGRAMS:
            self.program(*entry)
        with tempfile.TemporaryDirectory() as folder:
            self.recordings(folder)
            self.versions(folder)
        self.refused("a missing file", "/no/such/file", "--target", "kmalloc")
        self.refused("an unknown target", "--target", "nothing", "/dev/null")
        self.refused("an unknown option", "--nonsense")
        self.refused("no argument")
        for text in (b"", b"instance()\nnonsense(1)\n", b"instance(limit=1000)\n",
                     b"kmem_cache_alloc(cache 0)\n"):
            self.refused(f"words that are none: {text!r}", "--target", "kmem_cache", "--assemble",
                         "-", data=text)
        return 1 if self.failed else 0


def main():
    cli = argparse.ArgumentParser(usage=__doc__, add_help=False)
    cli.add_argument("trace")
    cli.add_argument("library")
    cli.add_argument("corpus")
    cli.add_argument("--cc", default="cc")
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    return Tests(cli.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
