# SPDX-License-Identifier: MIT
"""The plot of a run of ci/bench, written by hand: ratios to the best peer, by pattern."""

import math
import os
from xml.sax.saxutils import escape

from bench_figures import OURS, PATTERNS, PEER
from bench_verdict import BOUNDS
from common import relative, say

LEFT, TOP, WIDTH, HEIGHT, BOTTOM = 60, 60, 900, 360, 120
LOW, HIGH = 0.125, 16.0
COLOURS = {"shared": "#1b6ca8", "inline": "#d1495b", "lto": "#edae49", "kmalloc": "#66a182",
           "kmalloc-lto": "#8d6a9f"}
GREYS = ("#444444", "#777777", "#999999", "#bbbbbb", "#cccccc", "#dddddd")


def height_of(ratio):
    """Where a ratio stands, on a logarithmic scale."""
    ratio = min(max(ratio, LOW), HIGH)
    return TOP + HEIGHT * (1 - math.log(ratio / LOW) / math.log(HIGH / LOW))


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def label(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def axis():
    parts = []
    ratio = LOW
    while ratio <= HIGH:
        y = height_of(ratio)
        parts.append(line(LEFT, y, LEFT + WIDTH, y,
                          f'stroke="{"#000" if ratio == 1 else "#ddd"}"'))
        parts.append(label(LEFT - 8, y + 4, f"{ratio:g}", 'text-anchor="end"'))
        ratio *= 2
    return parts


def group(figures, pattern, names, colours, sizes, x, width):
    """The bars of one pattern, with its bounds for the forms that have some."""
    parts, step = [], width / (len(names) + 1)
    for number, name in enumerate(names):
        ratio = figures.ratio("speed", pattern, sizes, name,
                              lambda size: figures.best_peer("speed", pattern, size)[0])
        if ratio != ratio:
            continue
        left, top, foot = x + number * step, height_of(ratio), height_of(1)
        parts.append(f'<rect x="{left:.1f}" y="{min(top, foot):.1f}" width="{step * 0.9:.1f}" '
                     f'height="{max(abs(top - foot), 1):.1f}" fill="{colours[name]}">'
                     f"<title>{escape(name)}: {ratio:.2f}</title></rect>")
        bound = BOUNDS[pattern][name != "shared"] if name in ("shared", "inline", "lto") else None
        if bound:
            y = height_of(bound)
            parts.append(line(left - 1, y, left + step * 0.9 + 1, y,
                              'stroke="#000" stroke-width="2"'))
    parts.append(label(x + width / 2, TOP + HEIGHT + 20, pattern,
                       'text-anchor="middle" font-weight="bold"'))
    return parts


def legend(names, colours):
    parts = []
    for number, name in enumerate(names):
        x, y = LEFT + number % 6 * 150, TOP + HEIGHT + 45 + number // 6 * 20
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" '
                     f'fill="{colours[name]}"/>')
        parts.append(label(x + 18, y, name))
    return parts


def svg(figures, sizes, facts):
    """The text of the plot; None if there is nothing to show."""
    patterns = [p for p in PATTERNS if figures.drivers("speed", p)]
    if not patterns:
        return None
    names = [name for name, kind in figures.kinds.items() if kind in (OURS, PEER) and
             any(name in figures.drivers("speed", p) for p in patterns)]
    peers = [name for name in names if figures.kinds[name] == PEER]
    colours = {name: COLOURS.get(name) or GREYS[peers.index(name) % len(GREYS)]
               for name in names}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} '
             f'{TOP + HEIGHT + BOTTOM}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="#fff"/>',
             label(LEFT, 24, "Time of an allocation and its free, to the best growable, "
                             "thread-safe peer", 'font-size="16"'),
             label(LEFT, 44, f"lower is faster; geometric mean over {len(sizes)} sizes from "
                             f"{min(sizes)} to {max(sizes)} bytes; marks: what is to be reached; "
                             f"{facts['processor']}, {facts['cores']} cores", 'fill="#555"')]
    parts += axis()
    width = WIDTH / len(patterns)
    for number, pattern in enumerate(patterns):
        parts += group(figures, pattern, names, colours, sizes, LEFT + number * width + 6,
                       width - 6)
    return "\n".join(parts + legend(names, colours) + ["</svg>"]) + "\n"


def write(figures, sizes, facts, path):
    text = svg(figures, sizes, facts)
    if not text:
        return
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"the plot: {relative(path)}")
