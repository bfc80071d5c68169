# SPDX-License-Identifier: MIT
"""usage: ci/coverage [options]

Measures how much of src/core, and of the fast path in the public headers, the corpora reach by
replay alone: builds with clang's source coverage, replays corpus/, and prints lines, branches and
MC/DC (conditions that decide alone) of each file. All of it has to be reached. What cannot be is
justified in fuzz/coverage.csv, a row for each gap with the reason why nothing reaches it:

  file,function,code,missing,reason

code is the source text; missing says what of it: lines (never run), true, false (an outcome that a
condition never has) or alone (no two runs show that it decides). A gap without a row fails, and so
does a row whose gap is there no more. --rows writes rows for the gaps that have none, to be reached
by an input (slabpool-trace --assemble, ci/corpus add) or given a reason.

Every function and macro of the public headers has to be called by an operation of some target in
some input; fuzz/public.csv (name,reason) lists the exceptions, and is judged in the same way.

Exit status: 0 all is reached or justified, 1 not, 2 bad usage."""

import csv
import json
import os
import shutil

import coverage_gaps
import coverage_public
import prove_source
from common import (BUILD, CLANG, CORPUS, Failure, LLVM, ROOT, Results, Usage, build, main, parser,
                    pick_targets, relative, run, say, setup, table)
from coverage_data import Measured

CORE = os.path.join(ROOT, "src", "core")
PUBLIC = os.path.join(ROOT, "src", "include")
FAST_PATH = ("slabpool/hot.h", "slabpool/inline.h", "slabpool/magazine.h")
JUSTIFIED = os.path.join(ROOT, "fuzz", "coverage.csv")
EXCEPTIONS = os.path.join(ROOT, "fuzz", "public.csv")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--target", action="append", metavar="T", help="only this target (repeatable)")
    cli.add_argument("--justified", default=JUSTIFIED, metavar="FILE",
                     help="instead of fuzz/coverage.csv")
    cli.add_argument("--public", default=EXCEPTIONS, metavar="FILE",
                     help="instead of fuzz/public.csv")
    cli.add_argument("--rows", metavar="FILE", help="write a row for each unjustified gap")
    cli.add_argument("--html", action="store_true", help="write the browsable copy")
    cli.add_argument("--json", metavar="FILE", help="write counts and figures to FILE")
    return cli.parse_args()


def replayed(names):
    """Arguments of llvm-cov for the counts of a replay."""
    where = build("coverage", ["--buildtype=debug", "-Doptimization=1", "-Dc_args="
                               "-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc",
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
    return [f"-instr-profile={profile}", *objects]


def exported(*words):
    status, text = run(["llvm-cov" + LLVM, "export", *words])
    if status:
        raise Failure(f"llvm-cov{LLVM}: {text[-2000:]}")
    return text


def measure(names, html):
    """(what was measured, {file of src/core or the fast path: {line: count}})"""
    common = replayed(names)
    text = exported(*common)
    measured = Measured(json.loads(text[text.index("{"):])["data"][0]["functions"], short)
    lines = lines_of(exported("-format=lcov", "-skip-functions", *common))
    if html:
        out = os.path.join(BUILD, "report", "coverage")
        shutil.rmtree(out, ignore_errors=True)
        run(["llvm-cov" + LLVM, "show", "-format=html", "-show-mcdc", f"-output-dir={out}", *common,
             CORE])
    # A source file that no target links is not covered at all, and must not vanish.
    missing = [name for name in os.listdir(CORE) if name.endswith(".c") and
               name not in measured.paths and
               prove_source.outline(os.path.join(CORE, name)).defined]
    if missing:
        raise Failure(f"no fuzz target has src/core/{missing[0]}: nothing is known of it")
    return measured, lines


def lines_of(text):
    """{file: {line: count}}, of the lines that `llvm-cov show` gives a count. The summary of a
    header that several files include counts comments in its functions as lines not covered."""
    found, name = {}, None
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            name = short(os.path.abspath(rest))
        elif kind == "DA" and name:
            number, count = map(int, rest.split(",")[:2])
            counts = found.setdefault(name, {})
            counts[number] = max(count, counts.get(number, 0))
    return found


def short(path):
    """The name of a file of src/core or of the fast path; None for others."""
    path = os.path.abspath(path)
    if path.startswith(CORE + os.sep):
        return os.path.relpath(path, CORE)
    name = os.path.relpath(path, PUBLIC)
    return name if name in FAST_PATH else None


def percent(part):
    return 100.0 * part[0] / part[1] if part[1] else 100.0


def shown(part):
    return f"{percent(part):.1f} %" if part[1] else "-"


def figures_of(measured, lines):
    files = {}
    for file in sorted(measured.paths):
        counts = lines.get(file, {}).values()
        branches, alone = measured.figures(file)
        files[file] = {"lines": (sum(count > 0 for count in counts), len(counts)),
                       "branches": branches, "mcdc": alone}
    return files


KINDS = ("lines", "branches", "mcdc")


def print_table(files, total):
    rows = [(name, *(text for key in KINDS
                     for text in (f"{e[key][0]}/{e[key][1]}", shown(e[key]))))
            for name, e in [*files.items(), ("src/core", total)]]
    say(table(("file", "lines", "", "branches", "", "MC/DC", ""), rows, "lrrrrrr"))


def judge_gaps(options, measured, lines, results):
    gaps = [gap for file in sorted(measured.paths) for gap in measured.gaps(
        file, {number for number, count in lines.get(file, {}).items() if not count})]
    strange = [text for file in sorted(measured.paths) for text in measured.strange(file)]
    rows, wrong = coverage_gaps.read(options.justified)
    bare, stale = coverage_gaps.judge(gaps, rows)
    name = relative(os.path.abspath(options.justified))
    for gap in bare:
        say(coverage_gaps.shown(gap))
    for text in strange:
        say(f"src/core/{text}: the conditions of this decision cannot be told apart")
    for row in stale:
        say(f"{name}:{row.number}: stale: '{row.key[2]}' of {row.key[1]}() in {row.key[0]} "
            f"({row.key[3]}): reached by now, or changed")
    for text in wrong:
        say(f"{name}: {text}")
    if options.rows:
        with open(options.rows, "w", newline="") as file:
            writer = csv.DictWriter(file, coverage_gaps.COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(coverage_gaps.rows_for(bare))
    results.figures.update(gaps=len(gaps), unjustified=len(bare), stale=len(stale))
    results.check("gaps of src/core", not bare and not strange,
                  f"{len(gaps)}, {len(bare) + len(strange)} of them not justified")
    results.check(name, not stale and not wrong,
                  f"{len(rows)} rows, {len(stale)} stale, {len(wrong)} malformed")


def judge_public(options, measured, results):
    found = coverage_public.judge(ROOT, measured.called, options.public)
    for text in found.wrong:
        say(text)
    results.figures["public"] = (found.reached, found.names)
    results.check("public functions and macros", not found.wrong,
                  f"{found.reached} of {found.names} called, {found.excepted} excepted")


def work():
    options = arguments()
    names = pick_targets(options.target)
    for path in (options.justified, options.public):
        if not os.path.isfile(path):
            raise Usage(f"cannot read '{path}'")
    setup("base,fuzz")
    results = Results("coverage")
    say("building with source coverage, replaying the corpora ...")
    measured, lines = measure(names, options.html)
    files = figures_of(measured, lines)
    total = {key: tuple(sum(entry[key][i] for entry in files.values()) for i in (0, 1))
             for key in KINDS}
    print_table(files, total)
    say("")
    for key in KINDS:
        results.figures[key] = round(percent(total[key]), 2)
    judge_gaps(options, measured, lines, results)
    judge_public(options, measured, results)
    results.figures["files"] = files
    if options.html:
        say(f"\nbrowse {relative(os.path.join(BUILD, 'report', 'coverage', 'index.html'))}")
    return results.close(options.json, with_table=False)


if __name__ == "__main__":
    main(work)
