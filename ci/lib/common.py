# SPDX-License-Identifier: MIT
"""What the commands in ci/ share: places, running programs, builds, counts and tables.

Conventions: a command prints what it does while it does it, keeps the output of what it runs in
a log under the build directory, ends with one line "N passed, N failed", and exits with 0 (all is
well), 1 (something fell short) or 2 (bad usage, with a message that says what to do).
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD_DIR") or os.path.join(ROOT, "build"))
CORPUS = os.path.join(ROOT, "corpus")
CLANG = "clang-19"
LLVM = "-19"
TOOL_OPTIONS = ["--buildtype=release", "-Dtests=false", "-Dbench=false"]
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=0:"
                    "allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Failure(Exception):
    """The work cannot go on; the text says why and what to do."""


class Usage(Exception):
    """Bad arguments that argparse cannot see."""


def say(text=""):
    print(text, flush=True)


def relative(path):
    path = os.path.abspath(path)
    return os.path.relpath(path, ROOT) if path.startswith(ROOT + os.sep) else path


def cores():
    return len(os.sched_getaffinity(0))


def command_name():
    return "ci/" + os.path.basename(sys.argv[0])[:-3].replace("_", "-")


def parser(doc):
    """An ArgumentParser whose usage and --help are a module's doc string."""
    usage, text = doc.split("\n\n", 1)
    return argparse.ArgumentParser(prog=command_name(), usage=usage.replace("usage: ", "", 1),
                                   description=text, allow_abbrev=False,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def positive(text):
    value = int(text)
    if value <= 0:
        raise ValueError
    return value


positive.__name__ = "number above 0"


def main(work):
    """Runs work() and turns what it raises into exit statuses."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prog = command_name()
    try:
        status = work()
    except Usage as error:
        print(f"{prog}: {error}\nTry '{prog} --help'.", file=sys.stderr)
        status = 2
    except Failure as error:
        print(f"{prog}: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 1
    sys.exit(status)


# Running programs -------------------------------------------------------------------------------

def environment(more=None):
    env = dict(os.environ, LC_ALL="C.UTF-8", **SANITIZER_ENV)
    env.pop("SLABPOOL_OPTIONS", None)
    env.pop("DESTDIR", None)
    for name, value in (more or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def stop(process):
    """Ends a process that run() or start() began, with all its children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return


def start(command, **more):
    """Popen in a process group of its own, so that stop() reaches its children."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more["env"] = environment(more.get("env"))
    return subprocess.Popen([str(part) for part in command], start_new_session=True, **more)


def run(command, log=None, timeout=None, **more):
    """Runs a command; its output goes to the file log, or is returned. (status, output)"""
    out = open(log, "ab") if log else subprocess.PIPE
    if log:
        out.write(("\n$ " + " ".join(map(str, command)) + "\n").encode())
        out.flush()
    process = None
    try:
        process = start(command, stdout=out, stderr=subprocess.STDOUT, **more)
        text, _ = process.communicate(timeout=timeout)
        return process.returncode, (text or b"").decode(errors="replace")
    except FileNotFoundError:
        return 127, f"{command[0]}: not found"
    except subprocess.TimeoutExpired:
        stop(process)
        return 124, f"{command[0]}: not done after {timeout} s"
    except BaseException:
        if process:
            stop(process)
        raise
    finally:
        if log:
            out.close()


def tail(log, lines=25):
    try:
        with open(log, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return ""


def have(program):
    return shutil.which(program) is not None


def hear_interrupts():
    """For tests that interrupt what they start: who starts them in the background may have made
    them, and so their children, deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def setup(groups="base"):
    """What a command needs and does not find, ci/setup installs."""
    status = subprocess.run([os.path.join(ROOT, "ci", "setup"), "--quiet", "--only", groups],
                            stdin=subprocess.DEVNULL, check=False).returncode
    if status:
        raise Failure("packages are missing: see above (ci/setup --check lists them)")


# Builds -----------------------------------------------------------------------------------------

def builddir(name):
    return os.path.join(BUILD, name)


def configure(name, options, compiler=None, env=None, source=ROOT):
    """Configures BUILD/name with meson, anew if its settings changed. Returns the directory."""
    where = builddir(name)
    os.makedirs(where, exist_ok=True)
    env = dict(env or {})
    if compiler:
        env["CC"] = compiler
    stamp = os.path.join(where, ".settings")
    wanted = json.dumps([sorted(options), sorted(env.items()), source])
    ready = os.path.exists(os.path.join(where, "build.ninja"))
    try:
        with open(stamp) as file:
            ready = ready and file.read() == wanted
    except OSError:
        ready = False
    if not ready:
        shutil.rmtree(where)
        os.makedirs(where)
        log = os.path.join(where, "setup.log")
        status, text = run(["meson", "setup", where, source, *options], log=log, env=env)
        if status:
            raise Failure(f"meson setup failed ({relative(log)}):\n{text}{tail(log)}")
        with open(stamp, "w") as file:
            file.write(wanted)
    return where


def compile(where, targets=()):
    log = os.path.join(where, "compile.log")
    if os.path.exists(log):
        os.unlink(log)
    status, text = run(["ninja", "--quiet", "-C", where, f"-j{cores()}", *targets], log=log)
    if status:
        raise Failure(f"the build in {relative(where)} failed ({relative(log)}):\n"
                      f"{text}{tail(log, 40)}")


def build(name, options, compiler=None, targets=(), env=None):
    where = configure(name, options, compiler, env)
    compile(where, targets)
    return where


def sanitized(kind, compiler=None):
    """Build for replay and tests: kind is 'asan' (with UBSan), 'tsan', 'msan' or 'plain'."""
    options = ["--buildtype=debugoptimized", "--werror"]
    if kind == "asan":
        options += ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
    elif kind == "tsan":
        options += ["-Db_sanitize=thread", "-Db_lundef=false"]
    elif kind == "msan":
        # Clang's alone.
        compiler = compiler or CLANG
        options += ["-Db_sanitize=memory", "-Db_lundef=false"]
    suffix = f"-{compiler}" if compiler else ""
    return configure(kind + suffix, options, compiler)


def targets(where=None):
    """Names of the fuzz targets. Their one list is in fuzz/meson.build."""
    names = sorted(file[5:-2] for file in os.listdir(os.path.join(ROOT, "fuzz"))
                   if file.startswith("fuzz_") and file.endswith(".c"))
    if not names:
        raise Failure("there are no fuzz targets (fuzz/fuzz_*.c)")
    return names


def pick_targets(wanted):
    known = targets()
    if not wanted:
        return known
    for name in wanted:
        if name not in known:
            raise Usage(f"no fuzz target '{name}'; there are: {' '.join(known)}")
    return [name for name in known if name in wanted]


def built(name):
    """Path of a program or library of the plain build, built if need be."""
    where = sanitized("plain")
    status, text = run(["meson", "introspect", "--targets", where])
    found = [target for target in (json.loads(text) if status == 0 else [])
             if target["name"] == name]
    if not found:
        raise Failure(f"{name} is not built (meson option tools)")
    path = found[0]["filename"][0]
    compile(where, [os.path.relpath(path, where)])
    return path


def trace():
    """Path of slabpool-trace, built if need be."""
    return built("slabpool-trace")


def words(target, path):
    """The operations of an input, one a line."""
    try:
        status, text = run([trace(), "--target", target, path])
    except Failure as error:
        status, text = "?", str(error)
    if status:
        return f"  (slabpool-trace: status {status}: {text.strip()})"
    return "".join(f"  {line}\n" for line in text.splitlines()).rstrip("\n")


def plant_option(cli):
    cli.add_argument("--plant", metavar="NAME", default="",
                     help="put a known bug in front of the allocator (fuzz/adapter.h lists them): "
                          "it must be found")


def plant(options):
    """Every fuzz target that is started from here on has the bug."""
    if options.plant:
        os.environ["FUZZ_PLANT"] = options.plant


# Counts -----------------------------------------------------------------------------------------

class Results:
    """Counts of a command's steps. What failed and why something was skipped is printed."""

    def __init__(self, command):
        self.command = command
        self.steps = []
        self.figures = {}
        self.begin = time.monotonic()

    def add(self, step, passed=0, failed=0, skipped=0, seconds=0.0, failures=(), skips=(), note=""):
        self.steps.append({"step": step, "passed": passed, "failed": failed, "skipped": skipped,
                           "seconds": round(seconds, 1), "failures": list(failures),
                           "skips": list(skips), "note": note})
        return failed == 0

    def check(self, step, held, note="", seconds=0.0):
        return self.add(step, int(held), int(not held), seconds=seconds, note=note,
                        failures=[] if held else [note or step])

    def skip(self, step, reason):
        return self.add(step, skipped=1, skips=[f"{step}: {reason}"])

    def total(self, key):
        return sum(step[key] for step in self.steps)

    def seconds(self):
        return time.monotonic() - self.begin

    def table(self):
        rows = [(s["step"], s["passed"], s["failed"], s["skipped"], clock(s["seconds"]), s["note"])
                for s in self.steps]
        return table(("step", "passed", "failed", "skipped", "time", "remark"), rows, "lrrrrl")

    def as_dict(self):
        return {"command": self.command, "passed": self.total("passed"),
                "failed": self.total("failed"), "skipped": self.total("skipped"),
                "seconds": round(self.seconds(), 1), "steps": self.steps,
                "figures": self.figures}

    def save(self, path):
        if path:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            with open(path, "w") as file:
                json.dump(self.as_dict(), file, indent=1)

    def close(self, json_path=None, with_table=True):
        """Prints what failed, what was skipped and the last line. Returns the exit status."""
        self.save(json_path)
        if with_table:
            say()
            say(self.table())
        skips = {}
        for step in self.steps:
            for reason in step["skips"]:
                skips[reason] = skips.get(reason, 0) + 1
        if skips:
            say("\nskipped:")
            for reason, times in skips.items():
                say(f"  {reason}" + (f" ({times} times)" if times > 1 else ""))
        failures = [(step["step"], name) for step in self.steps for name in step["failures"]]
        if failures:
            say("\nfailed:")
            for step, name in failures:
                say(f"  {step}: {name}")
        passed, failed, skipped = (self.total(k) for k in ("passed", "failed", "skipped"))
        say(f"\n{clock(self.seconds())} for ci/{self.command}")
        say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
        # A run that checked nothing has not passed.
        return 0 if passed and not failed else 1


def clock(seconds):
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{rest:02d}"


def table(head, rows, align):
    cells = [[str(c) for c in head]] + [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for number, row in enumerate(cells):
        lines.append("  ".join(c.rjust(w) if a == "r" else c.ljust(w)
                               for c, w, a in zip(row, widths, align)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    return "\n".join(lines)


def meson_test(results, step, where, arguments=(), env=None, timeout=1800):
    """Runs meson's tests and counts their checks one by one: each TAP line is one."""
    begin = time.monotonic()
    lines = os.path.join(where, "meson-logs", "testlog.json")
    if os.path.exists(lines):
        os.unlink(lines)
    log = os.path.join(where, "test.log")
    if os.path.exists(log):
        os.unlink(log)
    status, text = run(["meson", "test", "-C", where, "--no-rebuild", "--num-processes",
                        str(cores()), *arguments], log=log, env=env, timeout=timeout)
    counts = {"passed": 0, "failed": 0, "skipped": 0, "failures": [], "skips": []}
    if os.path.exists(lines):
        with open(lines) as file:
            for line in file:
                count_test(json.loads(line), counts)
    if status and not counts["failed"]:
        counts["failures"].append(f"meson test: status {status} ({text.strip() or relative(log)})")
        counts["failed"] += 1
    if not counts["passed"] and not counts["failed"] and not counts["skipped"]:
        counts["failures"].append(f"no test was run ({relative(log)})")
        counts["failed"] += 1
    return results.add(step, seconds=time.monotonic() - begin,
                       note=relative(log) if counts["failed"] else "", **counts)


TAP_LINE = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*?)\s*(?:#\s*(SKIP|TODO)\S*\s*(.*))?$", re.I)


def count_test(entry, counts):
    """Adds one test program of meson's log. Its own verdict counts as well as its checks."""
    name, result = entry["name"], entry["result"]
    good = result in ("OK", "EXPECTEDFAIL")
    inside = count_tap(name, entry.get("stdout") or "", counts)
    # A TAP program that says nothing at all counts as skipped for meson: it checked nothing.
    mute = result == "SKIP" and entry.get("returncode") == 0 and not (entry.get("stdout") or "")
    if result == "SKIP" and not mute:
        if not inside:
            counts["skipped"] += 1
            counts["skips"].append(f"{name}: {(entry.get('stdout') or '').strip()[:200]}")
    elif good and not inside:
        counts["passed"] += 1
    elif not good and not any(text.startswith(name + ": ") for text in counts["failures"]):
        counts["failed"] += 1
        counts["failures"].append(f"{name}: it checked nothing" if mute else
                                  f"{name}: {result.lower()}, status {entry.get('returncode')}")


def count_tap(name, text, counts):
    """Adds the TAP lines of a program's output. Returns how many there were."""
    plan = re.search(r"^1\.\.\d+", text, re.M)
    number = 0
    for line in text.splitlines() if plan or text.startswith(("ok ", "not ok ")) else ():
        match = TAP_LINE.match(line)
        if not match:
            continue
        number += 1
        failed, title, directive, reason = match.groups()
        if directive and directive.upper() == "SKIP":
            counts["skipped"] += 1
            counts["skips"].append(f"{name}: {reason or title}")
        elif failed and not directive:
            counts["failed"] += 1
            counts["failures"].append(f"{name}: {title}")
        else:
            counts["passed"] += 1
    return number
