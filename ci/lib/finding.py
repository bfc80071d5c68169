# SPDX-License-Identifier: MIT
"""What a person needs when an input fails: what happened, the input in words and as a C program,
and the commands that replay it, make it smaller and keep it."""

import json
import os
import re

from common import BUILD, Failure, built, relative, run, say, trace, words

SIGNS = (
    (r"^fuzz: oracle (.+)$", "oracle {}"),
    (r"^==\d+==ERROR: (\w+Sanitizer): (?:SEGV|stack-overflow)", "{}: a bad access"),
    (r"^==\d+==ERROR: (\w+Sanitizer: [\w-]+)", "{}"),
    (r"^WARNING: (\w+Sanitizer: [\w -]+?)(?: \(|$)", "{}"),
    (r"runtime error: (.+)$", "UndefinedBehaviorSanitizer: {}"),
    (r"^==\d+== ?ERROR: (libFuzzer: [\w -]+?)(?: after| \(|$)", "{}"),
    (r"^slabpool: (.+)$", "slabpool: {}"),
)
LINES = re.compile(r"^(?:.*oracle.*|SUMMARY: .*|.*ERROR: .*|.*runtime error: .*|slabpool: .*"
                   r"|WARNING: \w+Sanitizer.*|fuzz: .*)$", re.M)


def kind_of(status, text):
    """The kind of a failure in a few words: which oracle, or what a sanitizer saw. Two runs with
    the same kind failed alike. '' for a run that passed."""
    if status == 0:
        return ""
    if status == 124:
        return "no end"
    for pattern, form in SIGNS:
        found = re.findall(pattern, text, re.M)
        if found:
            return form.format(re.sub(r"0x[0-9a-f]+|\d+", "N", found[0]))
    return f"status {status}"


def reproducer(target, path):
    """Writes the input as a C program beside the findings: (its path, '') or (None, why not)."""
    out = os.path.join(BUILD, "findings", target, os.path.basename(path) + ".c")
    try:
        program = trace()
        status, text = run([program, "--target", target, "--c", path], timeout=60)
    except Failure as error:
        return None, str(error)
    # 3: an oracle failed at the end of what is printed.
    if status not in (0, 3):
        return None, f"slabpool-trace: status {status}"
    os.makedirs(os.path.dirname(out), exist_ok=True)
    # What the allocator and the oracles said on the way is no part of the program.
    lines = [line for line in text.splitlines() if not re.match(r"(fuzz|slabpool): ", line)]
    with open(out, "w") as file:
        file.write("\n".join(lines) + "\n")
    return out, ""


def tell_failed_tests(where):
    """Of meson's last run of tests in a build: the inputs at which a replay driver ended."""
    try:
        with open(os.path.join(where, "meson-logs", "testlog.json")) as file:
            tests = [json.loads(line) for line in file]
    except OSError:
        return
    for test in tests:
        match = re.search(r"\breplay (\w+)$", test["name"])
        text = test.get("stdout") or ""
        inputs = [path for path in re.findall(r"^# (\S*/.*)$", text, re.M) if os.path.isfile(path)]
        if match and inputs and test["result"] != "OK" and "Bail out!" not in text:
            tell(match.group(1), inputs[-1], text + (test.get("stderr") or ""))


def compile_command(source):
    library = built("slabpool")
    return (f"cc -std=gnu11 -g -Isrc/include -o {relative(source)[:-2]}.run {relative(source)} "
            f"{relative(library)} -Wl,-rpath,{os.path.dirname(library)}")


def tell(target, path, text, plant="", more=""):
    """more: options that the commands need to see the same failure."""
    more = (f" --plant {plant}" if plant else "") + (f" {more}" if more else "")
    say(f"\n=== finding in {target} ===")
    for line in list(dict.fromkeys(LINES.findall(text)))[-8:]:
        say(f"  {line[:200]}")
    say("\nthe input in words:")
    say(words(target, path))
    source, why = reproducer(target, path)
    say("\nas a C program:")
    say(f"  {compile_command(source)}" if source else f"  none: {why}")
    say("replay:")
    say(f"  ci/replay --target {target}{more} {relative(path)}")
    say("minimise:")
    say(f"  ci/corpus minimise --target {target}{more} {relative(path)}")
    say("keep as a regression, once it is mended:")
    say(f"  ci/corpus add --target {target} --name WHAT-IT-IS {relative(path)}\n")
