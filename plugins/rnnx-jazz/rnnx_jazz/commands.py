"""What the commands do, behind their options in cli.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import rnnx
from rnnx import replacing, require, require_positive
from rnnx.errors import ConfigError, DataError
from rnnx_jazz.chart import BLUES, MOST_BARS, TEMPO, extended, parse_chart
from rnnx_jazz.improvising import Solo, tokens_text
from rnnx_jazz.improvising import improvise as improvised
from rnnx_jazz.measures import shares
from rnnx_jazz.measuring import measure as measured
from rnnx_jazz.midi import midi_bytes
from rnnx_jazz.music import TICKS, Bar, Tune
from rnnx_jazz.performance import Style
from rnnx_jazz.reading import read_music
from rnnx_jazz.scores import (
    Choice,
    Score,
    changes_of,
    comp_of,
    melody_of,
    refuse_faulty,
    tune_of,
)
from rnnx_jazz.tokens import encode


class Asked(NamedTuple):
    """Which chart to improvise over."""

    chords: str | None
    file: str | None
    tune: int  # of the file, from 1
    bars: int
    metre: str
    tempo: float | None  # None: the file's, 130 of --chords


class How(NamedTuple):
    """How to improvise and play."""

    temperature: float
    memory: float
    swing: float
    accents: bool
    seed: int


def improvise(run: str, asked: Asked, how: How, out: Sequence[Path]) -> Iterator[str]:
    """Write a solo by the model of ``run``; a line about each file."""
    require_positive("--temperature", how.temperature)
    require(0 <= how.memory < 1, "--memory", "at least 0 and below 1", how.memory)
    require(0.5 <= how.swing <= 0.75, "--swing", "0.5 … 0.75", how.swing)
    style = Style(how.swing, how.accents)
    writers = [(path, _writer(path, style)) for path in out or (Path("solo.mid"),)]
    chart = chart_of(asked)
    solo = improvised(rnnx.load(run), chart, how.temperature, how.seed, how.memory)
    for path, write in writers:
        data = write(solo)
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror})") from None
        yield (
            f"{path}: {len(solo.tune.bars)} bars, {len(solo.tune.notes)} notes, {len(data):,} bytes"
        )


def measure(run: str, asked: Asked, solos: int, temperature: float, memory: float) -> Iterator[str]:
    """The lines of a table of what solos by the model of ``run`` come to."""
    require_positive("--temperature", temperature)
    require(0 <= memory < 1, "--memory", "at least 0 and below 1", memory)
    yield from measured(run, chart_of(asked), solos, temperature, memory)


def remarks_on(asked: Asked) -> Iterator[str]:
    """What was passed over in the file of --chart."""
    if asked.file is not None and asked.chords is None:
        yield from (f"{asked.file}: {text}" for text in _score(asked.file, asked.tune).remarks)


def chart_of(asked: Asked) -> Tune:
    """The chart of --chords or --chart."""
    if asked.chords is not None and asked.file is not None:
        raise ConfigError("--chords, --chart: give one of the two")
    require(0 <= asked.bars <= MOST_BARS, "--bars", f"0 … {MOST_BARS}", asked.bars)
    if asked.file is None:
        text = BLUES if asked.chords is None else asked.chords
        return parse_chart(text, asked.bars, asked.metre, asked.tempo or TEMPO, "--chords")
    score = _score(asked.file, asked.tune)
    changes = changes_of(score, Choice(), asked.file)
    if not score.bars:
        raise DataError(f"{asked.file}: has no bars")
    chart = Tune(score.title, score.bars, (), changes, asked.tempo or score.tempo)
    if len(chart.bars) > MOST_BARS:
        raise DataError(f"{asked.file}: has {len(chart.bars):,} bars; {MOST_BARS:,} are the most")
    return extended(chart, asked.bars)


def _score(file: str, tune: int) -> Score:
    scores = read_music(file, file).scores
    if tune > len(scores):
        raise DataError(f"{file}: --tune={tune}: it has {len(scores)} tunes")
    refuse_faulty(scores[tune - 1])
    return scores[tune - 1]


def _writer(path: Path, style: Style) -> Callable[[Solo], bytes]:
    """What makes a file of the kind that ``path`` ends with."""

    def sound(solo: Solo) -> bytes:
        from rnnx_jazz.synth import wav_bytes

        return wav_bytes(solo.tune, style)

    def picture(solo: Solo) -> bytes:
        from rnnx_jazz.pianoroll import pianoroll_png

        return pianoroll_png(solo.tune)

    def score(solo: Solo) -> bytes:
        from rnnx_jazz.musicxml import musicxml_text

        return musicxml_text(solo.tune).encode()

    writers: dict[str, Callable[[Solo], bytes]] = {
        ".mid": lambda solo: midi_bytes(solo.tune, style),
        ".musicxml": score,
        ".wav": sound,
        ".png": picture,
        ".txt": lambda solo: tokens_text(solo).encode(),
    }
    if path.suffix.lower() not in writers:
        raise ConfigError(f"--out {path}: must end with one of {', '.join(writers)}")
    if not path.parent.is_dir():
        raise DataError(f"--out {path}: there is no folder {path.parent}")
    return writers[path.suffix.lower()]


def inspect(file: str, tune: int, melody: str, comp: str, chord_window: float) -> Iterator[str]:
    """The lines of a report on a file."""
    require(0 < chord_window <= 1, "--chord-window", "above 0 and at most 1", chord_window)
    scores = read_music(file, file).scores
    if len(scores) > 1:
        yield f"{len(scores)} tunes: " + ", ".join(
            f"{k + 1} {score.title}" for k, score in enumerate(scores[:50])
        )
    score, choice = _score(file, tune), Choice(melody, comp, chord_window)
    place = melody_of(score, choice, file)
    accompaniment = () if score.changes else comp_of(score, place, choice, file)
    yield f"tune {tune}: {score.title or '(no title)'}, {score.tempo:g} quarters a minute"
    for k, part in enumerate(score.parts):
        roles = {"melody": k == place, "comp": k in accompaniment}
        what = " and ".join(role for role, is_one in roles.items() if is_one)
        what = "percussion" if part.percussion else what
        span = [note.pitch for note in part.notes]
        reach = f", pitches {min(span)}–{max(span)}" if span else ""
        yield f"part {k + 1}: {part.name or '(no name)'}: {len(span)} notes{reach} {what}".rstrip()
    yield from score.remarks
    found = tune_of(score, choice, file)
    yield f"{len(found.bars)} bars of {_metres(found.bars)}"
    yield f"chords: {'as written' if score.changes else 'found in the accompaniment'}"
    bars = encode(found)
    for number, (bar, tokens) in enumerate(zip(found.bars, bars, strict=True), 1):
        yield f"{number}\t{found.names_in(bar)}\t{' '.join(tokens)}"
    every = [token for bar in bars for token in bar]
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares(every).items())
    yield f"{len(every)} tokens of {len(set(every))} kinds: {told}"


def _metres(bars: Sequence[Bar]) -> str:
    """4/4, or each metre with how many bars; a bar shorter than its metre is told."""
    counts: dict[str, int] = {}
    for bar in bars:
        whole = bar.length * bar.metre[1] == 4 * TICKS * bar.metre[0]
        name = f"{bar.metre[0]}/{bar.metre[1]}"
        name = name if whole else f"{name} cut to {bar.length / TICKS:g} quarters"
        counts[name] = counts.get(name, 0) + 1
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
