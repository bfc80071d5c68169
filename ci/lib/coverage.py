# SPDX-License-Identifier: MIT
"""usage: ci/coverage [options]

Measures how much of src/core, and of the fast path in the public headers, the corpora reach by
replay alone: builds with clang's source coverage, replays corpus/, prints lines and branches of
each file, and writes a browsable copy of the sources to build/report/coverage/. Status 1 if the
total is below --min-branches (default 90) or --min-lines (default 95).

Exit status: 0 enough is covered, 1 not enough, 2 bad usage."""

import json
import os
import shutil

import prove_source
from common import (BUILD, CLANG, CORPUS, Failure, LLVM, ROOT, Results, build, main, parser,
                    pick_targets, relative, run, say, setup, table)

CORE = os.path.join(ROOT, "src", "core")
PUBLIC = os.path.join(ROOT, "src", "include")
FAST_PATH = ("slabpool/hot.h", "slabpool/inline.h", "slabpool/magazine.h")
BRANCHES, LINES = 90.0, 95.0  # percent of src/core that corpus replay has to reach


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--min-branches", type=float, default=BRANCHES, metavar="PERCENT")
    cli.add_argument("--min-lines", type=float, default=LINES, metavar="PERCENT")
    cli.add_argument("--html", action="store_true", help="write the browsable copy")
    cli.add_argument("--json", metavar="FILE", help="write counts and figures to FILE")
    return cli.parse_args()


def measure(names, html):
    """{file of src/core or the fast path: {"lines": (covered, all), "branches": ...}}"""
    where = build("coverage", ["--buildtype=debug", "-Doptimization=1", "-Dc_args="
                               "-fprofile-instr-generate -fcoverage-mapping",
                               "-Dc_link_args=-fprofile-instr-generate"], CLANG, ["fuzzers"])
    raw = os.path.join(where, "raw")
    shutil.rmtree(raw, ignore_errors=True)
    os.makedirs(raw)
    programs = []
    for name in names:
        program = os.path.join(where, "fuzz", "fuzz_" + name)
        profile = os.path.join(raw, name + "-%p.profraw")
        status, _ = run([program, os.path.join(CORPUS, name)], cwd=ROOT,
                        log=os.path.join(where, "replay.log"), env={"LLVM_PROFILE_FILE": profile})
        if status:
            raise Failure(f"the corpus of {name} does not replay: ci/replay --target {name}")
        programs.append(program)
    profile = os.path.join(where, "all.profdata")
    files = [os.path.join(raw, file) for file in sorted(os.listdir(raw))]
    status, text = run(["llvm-profdata" + LLVM, "merge", "-sparse", "-o", profile, *files])
    if status:
        raise Failure(f"llvm-profdata{LLVM}: {text}")
    objects = [programs[0]] + [part for program in programs[1:] for part in ("-object", program)]
    common = [f"-instr-profile={profile}", *objects]
    text = exported("-summary-only", *common)
    lines = lines_of(exported("-format=lcov", "-skip-functions", *common))
    if html:
        out = os.path.join(BUILD, "report", "coverage")
        shutil.rmtree(out, ignore_errors=True)
        run(["llvm-cov" + LLVM, "show", "-format=html", f"-output-dir={out}", *common,
             os.path.join(ROOT, "src", "core")])
    found = {}
    for entry in json.loads(text[text.index("{"):])["data"][0]["files"]:
        name = short(os.path.abspath(entry["filename"]))
        if name:
            branches = entry["summary"]["branches"]
            found[name] = {"lines": lines.get(name, (0, 0)),
                           "branches": (branches["covered"], branches["count"])}
    # A source file that no target links is not covered at all, and must not vanish.
    missing = [name for name in os.listdir(CORE) if name.endswith(".c") and name not in found and
               prove_source.outline(os.path.join(CORE, name)).defined]
    if missing:
        raise Failure(f"no fuzz target has src/core/{missing[0]}: nothing is known of it")
    return found


def exported(*arguments):
    status, text = run(["llvm-cov" + LLVM, "export", *arguments])
    if status:
        raise Failure(f"llvm-cov{LLVM}: {text[-2000:]}")
    return text


def lines_of(text):
    """{file: (covered, all)}, of the lines that `llvm-cov show` gives a count. The summary of a
    header that several files include counts comments in its functions as lines not covered."""
    found, name = {}, None
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            name = short(os.path.abspath(rest))
        elif kind == "DA" and name:
            covered, count = found.get(name, (0, 0))
            found[name] = covered + (int(rest.split(",")[1]) > 0), count + 1
    return found


def short(path):
    """The name of a file of src/core or of the fast path; None for others."""
    if path.startswith(CORE + os.sep):
        return os.path.relpath(path, CORE)
    name = os.path.relpath(path, PUBLIC)
    return name if name in FAST_PATH else None


def percent(part):
    return 100.0 * part[0] / part[1] if part[1] else 100.0


def shown(part):
    return f"{percent(part):.1f} %" if part[1] else "-"


def work():
    options = arguments()
    names = pick_targets(options.target)
    setup("base,fuzz")
    results = Results("coverage")
    say("building with source coverage, replaying the corpora ...")
    files = measure(names, options.html)
    total = {key: tuple(sum(entry[key][i] for entry in files.values()) for i in (0, 1))
             for key in ("lines", "branches")}
    rows = [(name, f"{e['lines'][0]}/{e['lines'][1]}", shown(e["lines"]),
             f"{e['branches'][0]}/{e['branches'][1]}", shown(e["branches"]))
            for name, e in sorted(files.items())]
    rows.append(("src/core", f"{total['lines'][0]}/{total['lines'][1]}", shown(total["lines"]),
                 f"{total['branches'][0]}/{total['branches'][1]}", shown(total["branches"])))
    say(table(("file", "lines", "", "branches", ""), rows, "lrrrr"))
    for key, least in (("lines", options.min_lines), ("branches", options.min_branches)):
        share = percent(total[key])
        results.figures[key] = round(share, 2)
        results.check(f"{key} of src/core", share >= least and total[key][1] > 0,
                      f"{share:.1f} % (at least {least:g} %)")
    results.figures["files"] = files
    if options.html:
        say(f"\nbrowse {relative(os.path.join(BUILD, 'report', 'coverage', 'index.html'))}")
    return results.close(options.json, with_table=False)


if __name__ == "__main__":
    main(work)
