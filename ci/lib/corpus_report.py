# SPDX-License-Identifier: MIT
"""ci/corpus list and report: what each entry of the corpora does, and what it is there for."""

import html
import os

from common import BUILD, relative, say, table
from corpus_entries import HASH, entries, hunt, reach, replay_programs, standard_line
from fuzz_engines import fuzzers

WIDTH = 100
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Corpora</title><style>
body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em;
  color: #222; background: #fff }
table { border-collapse: collapse; width: 100%%; margin: .5em 0 2em }
th, td { text-align: left; vertical-align: top; padding: .25em .6em; border-bottom: 1px solid #ddd }
th { position: sticky; top: 0; background: #f4f4f4; cursor: pointer; white-space: nowrap }
th.down::after { content: " \\2193" } th.up::after { content: " \\2191" }
td.n { text-align: right } td.name { white-space: nowrap; font-family: monospace }
pre { white-space: pre-wrap; margin: .4em 0; background: #f8f8f8; padding: .5em }
summary { cursor: pointer } input { font: inherit; width: 24em; padding: .2em }
label { margin-left: 1em } .q { color: #666 }
</style></head><body>
<h1>Corpora</h1>
<p>%(inputs)d inputs of %(targets)d fuzz targets. An entry's edges and lines are those of
<code>src/core</code> and the fast path that no other input reaches: edges among the inputs of its
target, lines among all. Bugs are those of <code>fuzz/planted.c</code> that it finds, with the
oracle that each is for; only entries that are named in words are asked.</p>
<p><input id="filter" placeholder="filter: names, operations, bugs ..." autofocus>
<label><input type="checkbox" id="named" style="width:auto"> named in words only</label>
<span id="count" class="q"></span></p>
%(tables)s
<script>
const filter = document.getElementById("filter"), named = document.getElementById("named");
function show() {
  const words = filter.value.toLowerCase().split(/\\s+/).filter(w => w);
  let shown = 0;
  for (const row of document.querySelectorAll("tbody tr")) {
    const text = row.textContent.toLowerCase();
    const on = words.every(w => text.includes(w)) && !(named.checked && row.dataset.hash);
    row.hidden = !on;
    shown += on;
  }
  document.getElementById("count").textContent = shown + " shown";
}
filter.addEventListener("input", show);
named.addEventListener("change", show);
for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], at = head.cellIndex;
  const up = head.className !== "up";
  for (const other of head.parentNode.cells) other.className = "";
  head.className = up ? "up" : "down";
  const key = row => { const d = row.cells[at].dataset.sort;
    return d === undefined ? row.cells[at].textContent : Number(d); };
  const rows = [...body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    return (typeof x === "number" ? x - y : x.localeCompare(y)) * (up ? 1 : -1);
  });
  body.append(...rows);
});
show();
</script></body></html>
"""
HEAD = ("name", "bytes", "operations", "what it does", "edges", "lines", "bugs found")


def looked_at(targets):
    """{target: entries} with what each reaches."""
    by_target = {target: entries(target) for target in targets}
    reach(fuzzers(), by_target)
    return by_target


def lines_text(lines):
    """src/core/slab.c 12 15, slabs.c 3"""
    by_file = {}
    for path, number in sorted(lines):
        by_file.setdefault(os.path.basename(path), []).append(str(number))
    return ", ".join(f"{name} {' '.join(numbers)}" for name, numbers in by_file.items())


def listing(options):
    for target, listed in looked_at(options.targets).items():
        standard = standard_line(target)
        if options.words:
            for entry in listed:
                say(f"{target}/{entry.name}: alone {len(entry.alone)} edges"
                    + (f", lines {lines_text(entry.alone_lines)}" if entry.alone_lines else ""))
                say("".join(f"  {line}\n" for line in entry.words))
            continue
        say(f"\n{target}: {len(listed)} inputs, "
            f"{len(set().union(*(entry.edges for entry in listed)))} edges of src/core\n")
        rows = []
        for entry in listed:
            text = entry.summary(standard)
            rows.append((entry.name[:12] + "..." if HASH.match(entry.name) else entry.name,
                         entry.bytes, entry.operations, len(entry.alone), len(entry.alone_lines),
                         text if len(text) <= WIDTH else text[:WIDTH - 3] + "..."))
        say(table(("name", "bytes", "ops", "edges", "lines", "what it does"), rows, "lrrrrl"))
    say("\nedges, lines: of src/core, reached by no other input of the target; of any target")
    return 0


def row_of(entry, standard):
    def cell(text, kind="", sort=None):
        return (f"<td{f' class={kind}' if kind else ''}"
                f"{'' if sort is None else f' data-sort={sort}'}>{text}</td>")

    words = html.escape("\n".join(entry.words))
    alone = html.escape(lines_text(entry.alone_lines))
    return (f"<tr{' data-hash=1' if HASH.match(entry.name) else ''}>"
            + cell(html.escape(entry.name[:16] + "…" if HASH.match(entry.name) else entry.name),
                   "name")
            + cell(entry.bytes, "n", entry.bytes) + cell(entry.operations, "n", entry.operations)
            + cell(f"<details><summary>{html.escape(entry.summary(standard))}</summary>"
                   f"<pre>{words}</pre></details>")
            + cell(len(entry.alone), "n", len(entry.alone))
            + cell(f"<details><summary>{len(entry.alone_lines)}</summary>{alone}</details>"
                   if alone else "0", "", len(entry.alone_lines))
            + cell(html.escape(", ".join(entry.finds)), "", None) + "</tr>")


def page(by_target, standards):
    tables = []
    for target, listed in by_target.items():
        head = "".join(f"<th>{text}</th>" for text in HEAD)
        rows = "\n".join(row_of(entry, standards[target]) for entry in listed)
        tables.append(f"<h2>{target}</h2>\n<p>{len(listed)} inputs, "
                      f"{sum(entry.bytes for entry in listed)} bytes, "
                      f"{len(set().union(*(entry.edges for entry in listed)))} edges, "
                      f"{len(set().union(*(bug for bug in (set(e.finds) for e in listed))))} "
                      f"planted bugs found</p>\n<table><thead><tr>{head}</tr></thead>\n"
                      f"<tbody>\n{rows}\n</tbody></table>")
    return PAGE % {"inputs": sum(map(len, by_target.values())), "targets": len(by_target),
                   "tables": "\n".join(tables)}


def report(options):
    by_target = looked_at(options.targets)
    where = replay_programs()
    for target, listed in by_target.items():
        hunt(where, listed)
        say(f"{target}: {len(listed)} inputs, {sum(bool(e.alone) for e in listed)} that alone "
            f"reach something, {len(set().union(*(set(e.finds) for e in listed)))} planted bugs "
            "found")
    out = os.path.join(BUILD, "report", "corpus.html")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out + ".part", "w") as file:
        file.write(page(by_target, {target: standard_line(target) for target in by_target}))
    os.replace(out + ".part", out)
    say(f"browse {relative(out)}")
    return 0
