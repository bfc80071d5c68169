# SPDX-License-Identifier: MIT
"""What the tests of the gates share: a tree in which one thing at a time is broken, what is to be
seen then, and a verdict for each test."""

import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import time

from common import ROOT, Failure, Results, Usage, hear_interrupts, parser, run, say


class Copy:
    """A copy of the tree whose files can be changed and put back."""

    def __init__(self, where):
        self.where = where
        for name in ("src", "proofs", "ci", "fuzz"):
            if os.path.isdir(os.path.join(ROOT, name)):
                shutil.copytree(os.path.join(ROOT, name), os.path.join(where, name),
                                ignore=shutil.ignore_patterns("__pycache__", "build"))
        self.before = {}

    def path(self, name):
        return os.path.join(self.where, name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def write(self, name, text):
        if name not in self.before:
            self.before[name] = self.read(name) if os.path.exists(self.path(name)) else None
        with open(self.path(name), "w") as file:
            file.write(text)

    def change(self, name, pattern, new):
        """Replaces the first place that fits; a pattern that fits nowhere is an error."""
        text, count = re.subn(pattern, new.replace("\\", "\\\\"), self.read(name), count=1,
                              flags=re.M | re.S)
        if not count:
            raise Failure(f"the test has to be adapted: nothing in {name} is like '{pattern}'")
        self.write(name, text)

    def append(self, name, text):
        self.write(name, self.read(name) + text)

    def contract(self, name, prototype, change):
        """Changes the annotation that stands before a prototype."""
        text = self.read(name)
        match = re.search(r"/\*@(?:(?!\*/).)*\*/\s*" + prototype, text, re.S)
        if not match:
            raise Failure(f"the test has to be adapted: no contract before '{prototype}' in {name}")
        changed = change(match.group())
        if changed == match.group():
            raise Failure(f"the test has to be adapted: contract of '{prototype}' in {name}")
        self.write(name, text[:match.start()] + changed + text[match.end():])

    def restore(self):
        for name, text in self.before.items():
            if text is None:
                os.unlink(self.path(name))
            else:
                with open(self.path(name), "w") as file:
                    file.write(text)
        self.before = {}

    def files(self):
        return sorted(os.path.join(where, name) for where, _, names in os.walk(self.where)
                      for name in names)


class Expectations:
    """The first thing that is not as expected is a test's verdict."""

    wrong = None

    def ok(self, held, text):
        if self.wrong is None and not held:
            self.wrong = text

    def command(self, path, words, status, pattern, never=None, flags=re.M, **how):
        """Runs a command: its status, what its text has in it, and what it has not."""
        got, text = run([path, *words], **how)
        held = got == status and re.search(pattern, text, flags) \
            and not (never and re.search(never, text, flags))
        but = f" and not /{never}/" if never else ""
        self.ok(held, f"{os.path.basename(path)} {' '.join(words)}: status {got}, "
                f"expected {status} and /{pattern}/{but}\n{text}")
        return text


class Suite:
    """Tests by name, in their order."""

    def __init__(self, name):
        self.name = name
        self.tests = []

    def test(self, title):
        def keep(function):
            self.tests.append((title, function))
            return function
        return keep

    def work(self, doc, scene, parallel=1):
        """The command: scene(directory) makes the Expectations, whose `arguments` each test gets
        and whose restore() follows each. Tests that run at the same time have a scene each."""
        hear_interrupts()
        cli = parser(doc)
        cli.add_argument("--only", metavar="WORD", default="",
                         help="tests with this word in the name")
        options = cli.parse_args()
        chosen = [(title, function) for title, function in self.tests if options.only in title]
        results = Results(self.name)
        with tempfile.TemporaryDirectory(prefix=f"slabpool-{self.name}-") as where:
            say(f"1..{len(chosen)}")
            for number, wrong, seconds in self.verdicts(where, chosen, scene, parallel):
                title = chosen[number][0]
                say(f"{'ok' if wrong is None else 'not ok'} {number + 1} - {title}")
                if wrong is not None:
                    say("\n".join("# " + line for line in wrong.splitlines()[-60:]))
                results.add(title, int(wrong is None), int(wrong is not None), seconds=seconds,
                            failures=[] if wrong is None else [title])
        return results.close(with_table=False)

    def verdicts(self, where, chosen, scene, parallel):
        """(number, what is wrong or None, seconds) of each test, as they are done."""
        fork = multiprocessing.get_context("fork")
        left, done = fork.Value("i", 0), fork.SimpleQueue()
        workers = [fork.Process(target=self.worker, args=(
            os.path.join(where, str(k)), chosen, scene, left, done))
            for k in range(max(1, min(parallel, len(chosen))))]
        for worker in workers:
            worker.start()
        try:
            seen = 0
            while seen < len(chosen):
                ended = not any(worker.is_alive() for worker in workers)
                if not done.empty():
                    seen += 1
                    yield done.get()
                elif ended:
                    raise Failure(f"{self.name}: {len(chosen) - seen} tests have no verdict")
                else:
                    time.sleep(0.1)
        finally:
            for worker in workers:
                if worker.is_alive():
                    os.kill(worker.pid, signal.SIGINT)
            for worker in workers:
                worker.join()

    def worker(self, where, chosen, scene, left, done):
        os.makedirs(where)
        try:
            expectations = scene(where)
            while True:
                with left.get_lock():
                    number = left.value
                    left.value += 1
                if number >= len(chosen):
                    return
                done.put((number, *self.run(chosen[number][1], expectations)))
        except (Failure, Usage) as error:
            say(str(error))
        except KeyboardInterrupt:
            pass

    @staticmethod
    def run(function, expectations):
        begin, expectations.wrong = time.monotonic(), None
        try:
            function(*expectations.arguments)
        except (Failure, OSError, KeyError, StopIteration) as error:
            expectations.wrong = str(error) if isinstance(error, Failure) else repr(error)
        finally:
            expectations.restore()
        return expectations.wrong, time.monotonic() - begin


def leftovers(scratch):
    """Processes whose command line has the scratch directory's name in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if scratch.encode() in file.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            pass
    return found
