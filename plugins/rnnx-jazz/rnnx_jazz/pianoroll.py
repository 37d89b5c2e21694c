"""A tune as a picture: notes coloured by TYPE, chord names above."""

from __future__ import annotations

import io

from rnnx_jazz.music import TICKS, Tune

COLOURS = {"C": "#1f77b4", "S": "#2ca02c", "A": "#ff7f0e", "X": "#d62728"}
LABELS = {"C": "chord tone", "S": "scale tone", "A": "approach", "X": "other"}
BARS = 8  # of a line of the picture
MOST = 96  # bars that are drawn


def pianoroll_png(tune: Tune) -> bytes:
    """The first 96 bars, eight a line, as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    bars = tune.bars[:MOST]
    lines = [bars[k : k + BARS] for k in range(0, len(bars), BARS)]
    height = 0.9 + 1.9 * len(lines)
    figure = Figure(figsize=(13, height))
    rows = figure.subplots(len(lines), squeeze=False)[:, 0]
    figure.subplots_adjust(0.04, 0.35 / height, 0.99, 1 - 0.5 / height, hspace=0.3)
    low = min((note.pitch for note in tune.notes), default=60) - 2
    high = max((note.pitch for note in tune.notes), default=72) + 2
    widest = max(line[-1].end - line[0].start for line in lines)
    for line, axes in zip(lines, rows, strict=True):
        begin, end = line[0].start, line[-1].end
        notes = [note for note in tune.notes if begin <= note.start < end]
        axes.hlines(
            [note.pitch for note in notes],
            [(note.start - begin) / TICKS for note in notes],
            [(note.end - begin) / TICKS - 0.05 for note in notes],
            colors=[COLOURS[tune.chord_at(n.start).types[n.pitch % 12]] for n in notes],
            linewidth=4.5,
        )
        edges = [(bar.start - begin) / TICKS for bar in line]
        axes.vlines(edges, low, high + 1, colors="0.6", linewidth=0.8)
        for tick in sorted({begin, *(c.start for c in tune.changes if begin <= c.start < end)}):
            at = ((tick - begin) / TICKS + 0.08, high - 0.4)
            axes.annotate(tune.chord_at(tick).name, at, fontsize=9, va="top")
        axes.set(xlim=(0, widest / TICKS), ylim=(low, high + 1))
        axes.set_yticks([p for p in range(low, high) if p % 12 == 0], minor=False)
        axes.set_yticklabels([f"C{p // 12 - 1}" for p in range(low, high) if p % 12 == 0])
        axes.set_xticks(edges)
        axes.set_xticklabels([str(bars.index(bar) + 1) for bar in line])
        axes.grid(axis="y", alpha=0.3)
    patches = [Patch(color=COLOURS[kind], label=f"{kind} {LABELS[kind]}") for kind in COLOURS]
    figure.legend(handles=patches, loc="upper center", ncols=4, frameon=False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80)
    return png.getvalue()
