# SPDX-License-Identifier: MIT
"""usage: ci/style [options]

Checks what a person would otherwise have to look for in a review:

  licence   each source file begins with its SPDX line
  columns   no line of C, Python or shell is wider than 100 columns (a tab is 8)
  files     no file of C is longer than 600 lines
  functions no function of C is longer than 60 lines
  lost      no file of C in src/ or fuzz/ that no meson.build (nor fuzz/sources.txt) names
  locks     what a lock protects is touched under it only (src/core/guard.h, by clang's
            -Wthread-safety), in src/core, src/api and the POSIX platform

Exit status: 0 all hold, 1 one does not, 2 bad usage."""

import os
import re

from common import CLANG, ROOT, Results, Usage, have, main, parser, run, say, setup

COLUMNS, FILE_LINES, FUNCTION_LINES = 100, 600, 60
SOURCE = re.compile(r"\.(c|h|py|sh|acsl|map)$|(^|/)meson(\.build|_options\.txt)$|^ci/[^/.]+$"
                    r"|^\.ci/run$|^fuzz/sources\.txt$")
RULES = ("licence", "columns", "files", "functions", "lost", "locks")


LOCKED = re.compile(r"^src/(core|api)/[^/]+\.c$|^src/platform/posix[^/]*\.c$")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--only", action="append", metavar="RULE", help="only this rule (repeatable)")
    cli.add_argument("--tree", default=ROOT, metavar="DIR", help="another tree than this one")
    return cli.parse_args()


class Sources(dict):
    """{path below the tree: its lines}"""

    tree = ROOT


def sources(tree):
    """All files that a person writes."""
    status, text = run(["git", "-C", tree, "ls-files", "--cached", "--others",
                        "--exclude-standard"])
    if status:
        names = [os.path.relpath(os.path.join(folder, name), tree)
                 for folder, _, files in os.walk(tree) for name in files]
    else:
        names = text.splitlines()
    found = Sources()
    found.tree = tree
    for name in sorted(set(names)):
        path = os.path.join(tree, name)
        if SOURCE.search(name) and not name.startswith("corpus/") and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                found[name] = file.read().split("\n")
    return found


def licence(files):
    for name, lines in files.items():
        if name.endswith(".txt") and name != "meson_options.txt":
            continue
        if not any("SPDX-License-Identifier: MIT" in line for line in lines[:3]):
            yield f"{name}:1: no SPDX line"


def columns(files):
    for name, lines in files.items():
        if name.endswith((".build", ".txt", ".map")):
            continue
        for number, line in enumerate(lines, 1):
            width = len(line.expandtabs(8))
            if width > COLUMNS:
                yield f"{name}:{number}: {width} columns"


def is_c(name):
    return name.endswith((".c", ".h"))


def files(files):
    for name, lines in files.items():
        if is_c(name) and len(lines) - 1 > FILE_LINES:
            yield f"{name}: {len(lines) - 1} lines"


def functions(files):
    """A function is what stands between a brace in column 0 and the next one that closes."""
    for name, lines in files.items():
        begin = None
        for number, line in enumerate(lines if is_c(name) else (), 1):
            if line == "{":
                begin = number
            elif line == "}" and begin:
                if number - begin - 1 > FUNCTION_LINES:
                    yield f"{name}:{begin}: a function of {number - begin - 1} lines"
                begin = None


def lost(files):
    builds = "\n".join("\n".join(lines) for name, lines in files.items()
                       if name.endswith(("meson.build", "sources.txt")))
    for name in files:
        if name.endswith(".c") and name.startswith(("src/", "fuzz/")):
            stem = os.path.basename(name)[:-2]
            plain = re.sub(r"^(test|fuzz)_", "", stem)
            if not re.search(rf"(?<![\w-])({re.escape(stem)}(\.c)?|{re.escape(plain)})(?![\w-])",
                             builds):
                yield f"{name}: no meson.build names it"


def locks(files):
    names = [name for name in files if LOCKED.match(name)]
    if names and not have(CLANG):
        setup("fuzz")
    for name in names:
        status, text = run([CLANG, "-fsyntax-only", "-std=gnu11", "-Isrc/include", "-Isrc",
                            "-Werror", "-Wthread-safety", name], cwd=files.tree)
        if status:
            yield "\n".join([name, *(line for line in text.splitlines() if "error:" in line)])


def work():
    options = arguments()
    for name in options.only or ():
        if name not in RULES:
            raise Usage(f"no rule '{name}'; there are: {' '.join(RULES)}")
    if not os.path.isdir(options.tree):
        raise Usage(f"no directory '{options.tree}'")
    found = sources(options.tree)
    if not found:
        raise Usage(f"no source file in '{options.tree}'")
    results = Results("style")
    for name in options.only or RULES:
        faults = list(globals()[name](found))
        results.add(name, passed=int(not faults), failed=int(bool(faults)),
                    failures=[f"{len(faults)} places"] if faults else [])
        for fault in faults:
            say(f"{name}: {fault}")
    say(f"{len(found)} files")
    return results.close(with_table=False)


if __name__ == "__main__":
    main(work)
