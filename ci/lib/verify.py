# SPDX-License-Identifier: MIT
"""usage: ci/verify [options]

The main job, from nothing: installs what is missing, builds, replays all corpora under ASan+UBSan,
measures what of src/core they cover, fuzzes each target, and checks all proofs. Shows progress,
ends with a table, and writes build/report/ (index.html, report.json, coverage/).

  setup     packages that are missing (ci/setup)
  build     library, tools and fuzz targets, warnings are errors
  replay    every input of corpus/ under ASan+UBSan (ci/replay)
  corpus    a page that says what each input does and what it alone reaches (ci/corpus report)
  coverage  lines, branches and MC/DC of src/core that replay reaches: all, or a
            reason for each gap (ci/coverage)
  fuzz      each target for --time seconds (ci/fuzz)
  prove     every proof, both data models (ci/prove)

Exit status: 0 all is well, 1 something fell short, 2 bad usage."""

import html
import json
import os
import subprocess
import time

from common import (BUILD, CLANG, Failure, ROOT, Results, Usage, build, clock, cores,
                    main, parser, plant, plant_option, positive, relative, run, say, stop, table)

PARTS = ("setup", "build", "replay", "corpus", "coverage", "fuzz", "prove")
REPORT = os.path.join(BUILD, "report")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--time", type=positive, default=60, metavar="S",
                     help="seconds of fuzzing for each target (default 60)")
    cli.add_argument("--only", action="append", metavar="PART", help="only this part (repeatable)")
    cli.add_argument("--skip", action="append", default=[], metavar="PART",
                     help="without this part (repeatable)")
    plant_option(cli)
    return cli.parse_args()


class Verify:
    def __init__(self, options):
        self.options = options
        self.results = Results("verify")
        self.rows = []  # part, verdict, time, figures

    def command(self, *words):
        """Runs a command of ci/ on this terminal. (status, what it wrote to its --json file)"""
        path = os.path.join(BUILD, "report", f"{words[0]}.json")
        if os.path.exists(path):
            os.unlink(path)
        arguments = [os.path.join(ROOT, "ci", words[0]), *words[1:]]
        if words[0] not in ("setup", "corpus"):
            arguments += ["--json", path]
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait()
        except BaseException:
            stop(process)
            raise
        try:
            with open(path) as file:
                return status, json.load(file)
        except (OSError, ValueError):
            return status, {}

    def setup(self):
        status, _ = self.command("setup", "--only", "base,fuzz,prove")
        return status == 0, "packages are there" if status == 0 else "packages are missing"

    def build(self):
        options = ["--buildtype=release", "--werror"]
        build("verify", options)
        build("verify-" + CLANG, options, CLANG)
        return True, f"library, tools, targets with cc and {CLANG}"

    def replay(self):
        status, found = self.command("replay", "--sanitizer", "asan")
        passed, failed = found.get("passed", 0), found.get("failed", 0)
        self.results.figures["replay"] = {"passed": passed, "failed": failed}
        return status == 0 and passed > 0, f"{passed} inputs passed, {failed} failed"

    def corpus(self):
        status, _ = self.command("corpus", "report")
        return status == 0, "corpus.html" if status == 0 else "the page was not written"

    def coverage(self):
        status, found = self.command("coverage", "--html")
        figures = found.get("figures", {})
        self.results.figures["coverage"] = figures
        if "branches" not in figures:
            return False, "not measured"
        return status == 0, (f"{figures['lines']:.1f} % of lines, "
                             f"{figures['branches']:.1f} % of branches, "
                             f"{figures['mcdc']:.1f} % MC/DC of src/core; "
                             f"{figures['unjustified']} of {figures['gaps']} gaps not justified")

    def fuzz(self):
        status, found = self.command("fuzz", "--time", str(self.options.time))
        figures = found.get("figures", {})
        self.results.figures["fuzz"] = figures
        speeds = ", ".join(f"{name} {entry['per_second']}/s" for name, entry in figures.items())
        return status == 0 and bool(figures), (
            f"{found.get('failed', '?')} findings; {speeds}" if figures else "did not run")

    def prove(self):
        status, found = self.command("prove", "--report", REPORT)
        self.results.figures["prove"] = {key: found.get(key) for key in
                                         ("goals", "proved", "problems", "versions", "seconds",
                                          "steps")}
        return status == 0, proof_figures(found) if found else f"status {status}"

    def run(self, parts):
        for number, part in enumerate(parts, 1):
            say(f"\n--- {part} ({number} of {len(parts)}, "
                f"{clock(self.results.seconds())} since the start) ---")
            begin = time.monotonic()
            try:
                held, text = getattr(self, part)()
            except Failure as error:
                say(str(error))
                held, text = False, str(error).splitlines()[0]
            seconds = time.monotonic() - begin
            self.results.check(part, held, text, seconds)
            self.rows.append((part, "ok" if held else "FELL SHORT", clock(seconds), text))
            if part == "setup" and not held:
                break


def proof_figures(found):
    """One line from ci/prove's report."""
    text = f"{found.get('proved', '?')} of {found.get('goals', '?')} goals proved"
    problems = len(found.get("problems", []))
    return text + (f", {problems} other faults" if problems else "")


def revision():
    status, text = run(["git", "-C", ROOT, "describe", "--always", "--dirty"])
    return text.strip() if status == 0 else "unknown"


def write_report(verify):
    os.makedirs(REPORT, exist_ok=True)
    data = verify.results.as_dict()
    data.update(revision=revision(), fuzz_seconds=verify.options.time, cores=cores(),
                parts=[dict(zip(("part", "verdict", "time", "figures"), row))
                       for row in verify.rows])
    with open(os.path.join(REPORT, "report.json"), "w") as file:
        json.dump(data, file, indent=1)
    cells = "\n".join("<tr class='{}'>{}</tr>".format(
        "good" if row[1] == "ok" else "bad",
        "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)) for row in verify.rows)
    coverage = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{e['lines'][0]} / {e['lines'][1]}</td>"
        f"<td>{e['branches'][0]} / {e['branches'][1]}</td>"
        f"<td>{e['mcdc'][0]} / {e['mcdc'][1]}</td></tr>\n"
        for name, e in sorted(data["figures"].get("coverage", {}).get("files", {}).items()))
    with open(os.path.join(REPORT, "index.html"), "w") as file:
        file.write(PAGE.format(revision=html.escape(data["revision"]), cells=cells,
                               coverage=coverage, time=clock(data["seconds"])))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>slabpool: ci/verify</title>
<style>
body {{ font-family: sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; margin-bottom: 2em; }}
td, th {{ border: 1px solid #bbb; padding: .3em .8em; text-align: left; }}
.bad td:nth-child(2) {{ background: #f6c6c6; }}
.good td:nth-child(2) {{ background: #cdeccd; }}
</style></head><body>
<h1>ci/verify</h1>
<p>Revision {revision}, {time} in all. Everything as data: <a href="report.json">report.json</a>;
covered lines: <a href="coverage/index.html">coverage</a>; what each input does:
<a href="corpus.html">corpus</a>.</p>
<table><tr><th>part</th><th>verdict</th><th>time</th><th>figures</th></tr>
{cells}
</table>
<h2>src/core, reached by corpus replay</h2>
<table><tr><th>file</th><th>lines</th><th>branches</th><th>MC/DC</th></tr>
{coverage}</table>
</body></html>
"""


def work():
    options = arguments()
    for name in (options.only or []) + options.skip:
        if name not in PARTS:
            raise Usage(f"no part '{name}'; there are: {' '.join(PARTS)}")
    plant(options)
    parts = [part for part in PARTS if part in (options.only or PARTS) and part not in options.skip]
    if not parts:
        raise Usage("no part is left")
    verify = Verify(options)
    verify.run(parts)
    write_report(verify)
    say("\n" + table(("part", "verdict", "time", "figures"), verify.rows, "llrl"))
    say(f"\nreport: {relative(os.path.join(REPORT, 'index.html'))}")
    return verify.results.close(with_table=False)


if __name__ == "__main__":
    main(work)
