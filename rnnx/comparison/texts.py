"""Samples side by side: of several runs at one step, or of one run at all of its steps.

Each character has its surprise, −ln p in nats under the model that wrote it or under a given one,
and each text the longest part of it that stands in the training data. A text can be shown with its
differences, by character, to the text of the same place in another column: to that of the step
before, or to that of the first run.
"""

from __future__ import annotations

import difflib
import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from rnnx.arrays import Array
from rnnx.comparison.compare import Comparison
from rnnx.comparison.readings import Readings, symbol_places
from rnnx.data.novelty import Copy
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError
from rnnx.runs.folder import RunFolder
from rnnx.runs.samples_file import Round, rounds

SURPRISES = (1.0, 2.0, 3.0, 5.0)  # nats at which the next level begins
MOST_NAMED = 3  # runs in a note
MOST_RUNS = 8  # that are shown next to each other
LONGEST = 1000  # characters of a text that are shown
FLAGS = "\U0001f1e6", "\U0001f1ff"  # the first and last sign of which two make a flag
JOINER = "\u200d"  # makes one sign of two, as in emoji of families


class Piece(NamedTuple):
    """A part of a text whose characters are shown alike."""

    text: str
    level: int | None  # how many of SURPRISES its characters reach; None: not measured
    change: str = ""  # "added" or "removed", where the text differs from another one


class ShownText(NamedTuple):
    """A sample, cut where it is too long to be shown."""

    whole: str
    pieces: Sequence[Piece]
    nats: float | None  # the mean surprise of a symbol, that of the end included; None: unknown
    copy: Copy | None  # from the training data; None: not searched


class Column(NamedTuple):
    """The texts of one run at one step."""

    run: str  # its name
    run_id: str
    step: int | None  # None for the end of a run of an earlier version, which tells no step
    is_final: bool  # drawn once more when training had ended
    texts: Sequence[ShownText]
    measured_at: int | None  # the step of the checkpoint that measured; None: another run's model

    @property
    def when(self) -> str:
        """The step in words."""
        step = "" if self.step is None else f"step {self.step}"
        return ", ".join([step] * bool(step) + ["the end"] * self.is_final)


class SideBySide(NamedTuple):
    """Texts to be read next to each other."""

    columns: Sequence[Column]
    notes: Sequence[str]  # for the reader, one line each: what could not be measured, and why


class _Drawn(NamedTuple):
    """A round of samples, and the run that drew it."""

    run: str
    folder: RunFolder
    round: Round


def side_by_side(
    comparison: Comparison,
    readings: Readings,
    step: int | None = None,
    diff: bool = False,
    limit: int = 8,
    most_steps: int | None = None,
) -> SideBySide:
    """The samples of the runs of a comparison, the best first.

    One run is shown at all of its steps (or at ``most_steps`` of them), several at ``step`` or, by
    default, each at its last one. ``limit`` is how many texts of a column there are. ``diff`` marks
    the differences to the column before where there is one run, else to the first one. Raises
    ConfigError for a ``step`` at which no run drew anything.
    """
    several = len(comparison.runs) > 1
    drawn, notes = _drawn(comparison, last_alone=several and step is None)
    if step is not None:
        drawn = _at_step(drawn, step)
    elif several:
        drawn = [list(own)[-1] for own in _by_run(drawn)]
    if several and len(drawn) > MOST_RUNS:
        told = f"samples of {MOST_RUNS} of {len(drawn)} runs: the best ones, and the last of all"
        notes.append(told)
        drawn = [*drawn[: MOST_RUNS - 1], drawn[-1]]
    elif not several and most_steps is not None and len(drawn) > most_steps:
        notes.append(f"samples of {most_steps} of {len(drawn)} steps")
        drawn = [drawn[i * (len(drawn) - 1) // (most_steps - 1)] for i in range(most_steps)]
    columns: list[Column] = []
    before: Sequence[str] = ()
    for place, one in enumerate(drawn):
        texts = one.round.texts[:limit]
        columns.append(_column(one, texts, readings, before if diff and place else None))
        if not (several and place):
            before = texts
    return SideBySide(columns, [*notes, *readings.notes])


def _drawn(comparison: Comparison, last_alone: bool) -> tuple[list[_Drawn], list[str]]:
    """All rounds of all runs, or the last one of each, and a note where runs have none."""
    drawn: list[_Drawn] = []
    without: list[str] = []
    for run in comparison.runs:
        found = rounds(run.folder.samples) if run.folder else []
        found = found[-1:] if last_alone else found
        drawn += [_Drawn(run.name, run.folder, of) for of in found if run.folder]
        without += [run.name] * (not found)
    more = f" and {len(without) - MOST_NAMED} more runs" * (len(without) > MOST_NAMED)
    told = f"{', '.join(without[:MOST_NAMED])}{more}: no samples are here"
    if any(run.folder and run.folder.predictions.is_file() for run in comparison.runs):
        told += "; what a run predicts of held-out data is in predictions.csv in its folder"
    return drawn, [told] * bool(without)


def _at_step(drawn: Sequence[_Drawn], step: int) -> list[_Drawn]:
    """The round of each run at a step; that of the end only where there is no other."""
    found = [one for one in drawn if one.round.step == step]
    if not found:
        known = sorted({one.round.step for one in drawn if one.round.step is not None})
        told = ", ".join(map(str, known)) or "none: there are no samples"
        raise ConfigError(f"--step {step}: no run drew samples then; choose from {told}")
    return [next(own) for own in _by_run(found)]


def _by_run(drawn: Sequence[_Drawn]) -> Iterator[Iterator[_Drawn]]:
    return (own for _, own in groupby(drawn, lambda one: one.folder.id))


def _column(
    one: _Drawn, texts: Sequence[str], readings: Readings, before: Sequence[str] | None
) -> Column:
    read = readings.read(one.folder, one.round, texts)
    shown = []
    for place, (text, nats, copy) in enumerate(zip(texts, read.nats, read.copies, strict=True)):
        levels = surprise_levels(text, read.vocabulary, nats)
        earlier = None if before is None or place >= len(before) else before[place]
        mean = None if nats is None else float(nats.mean())
        shown.append(ShownText(text, list(pieces(text, levels, earlier)), mean, copy))
    folder, step, is_final = one.folder, one.round.step, one.round.is_final
    return Column(one.run, folder.id, step, is_final, shown, read.step)


def surprise_levels(
    text: str, vocabulary: Vocabulary | None, nats: Array | None
) -> list[int | None]:
    """For each character of a text how many of SURPRISES its symbol reaches; None between symbols
    and where nothing was measured.
    """
    levels: list[int | None] = [None] * len(text)
    if nats is not None and vocabulary is not None:
        for (start, end), value in zip(symbol_places(text, vocabulary), nats, strict=False):
            levels[start:end] = [bisect(SURPRISES, float(value))] * (end - start)
    return levels


def pieces(text: str, levels: Sequence[int | None], before: str | None = None) -> Iterator[Piece]:
    """A text in parts that are shown alike, with its differences to the text ``before``."""
    signs, place = [], 0
    for sign in clusters(text[:LONGEST]):
        known = [level for level in levels[place : place + len(sign)] if level is not None]
        signs.append(Piece(sign, max(known, default=None)))
        place += len(sign)
    if before is not None:
        signs = list(_changed(signs, clusters(before[:LONGEST])))
    for (level, change), alike in groupby(signs, lambda sign: sign[1:]):
        yield Piece("".join(sign.text for sign in alike), level, change)
    if len(text) > LONGEST:
        yield Piece("…", None)


def _changed(signs: Sequence[Piece], before: Sequence[str]) -> Iterator[Piece]:
    now = [sign.text for sign in signs]
    matcher = difflib.SequenceMatcher(None, before, now, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            yield from signs[k:m]
        else:
            yield from (Piece(sign, None, "removed") for sign in before[i:j])
            yield from (sign._replace(change="added") for sign in signs[k:m])


def clusters(text: str) -> list[str]:
    """A text as a reader's characters: what combines with a sign stays with it, as é or 👩‍🚀."""
    found: list[str] = []
    for c in text:
        if found and _is_joined(found[-1], c):
            found[-1] += c
        else:
            found.append(c)
    return found


def _is_joined(before: str, c: str) -> bool:
    is_skin = "\U0001f3fb" <= c <= "\U0001f3ff"
    if len(before) == 1 and FLAGS[0] <= before <= FLAGS[1]:
        return FLAGS[0] <= c <= FLAGS[1]
    combines = c == JOINER or is_skin or unicodedata.category(c) in ("Mn", "Mc", "Me")
    return before != "\n" and (combines or before.endswith(JOINER))
