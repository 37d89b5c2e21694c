"""Chords from accompaniment: the template of pitch classes that fits a window best.

    score(chord) = Σ w(tones) − Σ w(others) + ½·w_bass(root) − 0.05·(number of tones)

w is how long each pitch class sounds in the window, as shares of the whole; w_bass is 1 for the
pitch class that sounds lowest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from rnnx import Array
from rnnx_jazz.chords import NAMES, Chord, parse_chord
from rnnx_jazz.music import Bar, Change, Note

KINDS: tuple[str, ...] = ("", "m", "7", "maj7", "m7", "m7b5", "dim7", "6", "m6", "dim", "aug")
KINDS += ("sus4", "7sus4", "9", "7b9", "7alt", "7#11", "7#5", "mM7")
SIMPLE = 0.05  # what each further tone has to bring
ROOT = 0.5  # what a root in the bass is worth


@cache
def _templates() -> tuple[list[Chord], Array, Array, Array]:
    """All chords, their tones (chords, 12), their roots and how many tones they have."""
    chords = [parse_chord(name + kind) for kind in KINDS for name in NAMES]
    tones = np.zeros((len(chords), 12))
    for k, chord in enumerate(chords):
        tones[k, list(chord.tones)] = 1
    return chords, tones, np.array([chord.root for chord in chords]), tones.sum(axis=1)


def infer(notes: Iterable[Note], bars: Sequence[Bar], window: float) -> tuple[Change, ...]:
    """The chords of ``notes``, one a ``window`` (a share of a bar), repeats left out.

    Where nothing sounds the chord before goes on; the first one covers what is before it.
    """
    places = _windows(bars, window)
    weights = np.zeros((len(places), 12))
    lowest = np.full(len(places), 128)
    starts = np.array([start for start, _ in places])
    for note in notes:
        k = int(np.searchsorted(starts, note.start, "right")) - 1
        while 0 <= k < len(places) and places[k][0] < note.end:
            sounding = min(note.end, places[k][1]) - max(note.start, places[k][0])
            if sounding > 0:
                weights[k, note.pitch % 12] += sounding
                lowest[k] = min(lowest[k], note.pitch)
            k += 1
    changes: list[Change] = []
    for k, (start, _) in enumerate(places):
        if not weights[k].any():
            continue
        chord = best_chord(weights[k] / weights[k].sum(), int(lowest[k]) % 12)
        if not changes or changes[-1].chord != chord:
            changes.append(Change(start if changes else bars[0].start, chord))
    return tuple(changes)


def best_chord(weights: Array, bass: int) -> Chord:
    """The chord that fits shares (12,) of pitch classes best, the first of equals."""
    chords, tones, roots, counts = _templates()
    inside = tones @ weights
    scores = 2 * inside - 1 + ROOT * (roots == bass) - SIMPLE * counts
    return chords[int(np.argmax(np.round(scores, 9)))]


def simplest(chord: Chord) -> Chord:
    """The chord of these templates that is nearest to ``chord``."""
    shares = np.zeros(12)
    shares[list(chord.tones)] = 1 / len(chord.tones)
    return best_chord(shares, chord.root)


def _windows(bars: Sequence[Bar], window: float) -> list[tuple[int, int]]:
    """(start, end) of the windows of all bars; a bar shorter than its metre has one."""
    found: list[tuple[int, int]] = []
    for bar in bars:
        step = max(1, round(bar.length * window))
        edges = [*range(bar.start, bar.end, step), bar.end]
        if len(edges) > 2 and edges[-1] - edges[-2] < step / 2:
            del edges[-2]
        found += list(pairwise(edges))
    return found
