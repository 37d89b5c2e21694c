"""Melodies over chords as tokens, from the embedded lead sheets or from a file of music.

    .abc         its chord symbols; the first voice, or the one that `melody` names
    .musicxml    its chord symbols; without any, chords are found in the accompaniment
    .mid         chords are found in the accompaniment, one a `chord_window`

An example is a window of tokens that begins at a bar, from the zero vector; at every token where
that makes fewer than 64, and those of a short tune are taken again until there are 64. With
`windows` they are drawn as the course draws them. Whole tunes are held out; of a single tune, its
last bars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rnnx import Corpus, Vocabulary, require, require_share
from rnnx.contracts import Grammar
from rnnx.errors import DataError
from rnnx_jazz.chart import BLUES, parse_chart
from rnnx_jazz.corpus import Encoded, Windows, corpus_of
from rnnx_jazz.grammar import JazzGrammar
from rnnx_jazz.music import Tune, cut
from rnnx_jazz.reading import read_music
from rnnx_jazz.scores import Choice, tune_of
from rnnx_jazz.tokens import encode


@dataclass(frozen=True)
class Jazz:
    """Tunes in tokens of TYPE, duration and interval."""

    path: str = ""
    """The file (.abc, .musicxml, .mid); ~ is your home folder. Empty: the embedded lead sheets."""
    tune: int = 0
    """The number of one tune of the file, from 1; 0: all."""
    melody: str = ""
    """The melody's part: its number from 1, its name or a piece of it. Empty: chosen by name,
    height and how much it plays one note at a time."""
    comp: str = ""
    """The accompaniment's parts that chords are found in, with commas. Empty: all others."""
    start_bar: int = 1
    """The first bar that is read, at least 1."""
    end_bar: int = 0
    """The last bar that is read; 0: the last there is."""
    chord_window: float = 0.5
    """The fraction of a bar that one chord is found in, where none are written, above 0 and at
    most 1."""
    train_tunes: int = 0
    """Learn from so many of the tunes that are not held out, the first ones; 0: from all."""
    length: int = 30
    """Tokens of a window, at least 2."""
    windows: int = 0
    """Windows drawn from all tokens, as the course draws 60; 0: one from every bar on."""
    window_seed: int = 0
    """Of drawn windows, 0 … 2³² − 1; the run's own seed changes nothing."""
    val_fraction: float = 0.2
    """The fraction of tunes that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out tunes, whatever the run's own seed. At least 0."""
    chords: str = BLUES
    """The chart that samples are improvised over."""
    metre: str = "4/4"
    """The metre of that chart."""
    bars: int = 24
    """The bars of samples: the chart again and again; 0: once. 0 … 1000."""

    def __post_init__(self) -> None:
        for name in ("tune", "end_bar", "train_tunes", "split_seed"):
            require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        require(self.start_bar >= 1, "start_bar", "at least 1", self.start_bar)
        require(self.length >= 2, "length", "at least 2", self.length)
        require(0 <= self.windows <= 10**6, "windows", "0 … 1000000", self.windows)
        require(0 <= self.window_seed < 2**32, "window_seed", "0 … 4294967295", self.window_seed)
        require(0 <= self.bars <= 1000, "bars", "0 … 1000", self.bars)
        window = self.chord_window
        require(0 < window <= 1, "chord_window", "above 0 and at most 1", window)
        self._chart()
        require_share("val_fraction", self.val_fraction)
        end = self.end_bar
        require(end == 0 or end >= self.start_bar, "end_bar", "0 or at least start_bar", end)

    def load(self, seed: int) -> Corpus:
        where = f"dataset.path={self.path}"
        tunes, left_out = self._tunes(where)
        encoded = [Encoded(encode(tune), tune) for tune in tunes]
        windows = Windows(self.train_tunes, self.length, self.windows, self.window_seed)
        corpus = corpus_of(encoded, windows, self.val_fraction, seed, self._chart())
        return replace(corpus, notes=tuple(left_out))

    def grammar(self, vocabulary: Vocabulary) -> Grammar:
        """What may come next in a solo over the chart of `chords`."""
        try:
            return JazzGrammar(vocabulary, self._chart())
        except DataError as error:
            raise DataError(f"dataset.chords, dataset.metre: {error}") from None

    def _chart(self) -> Tune:
        return parse_chart(self.chords, self.bars, self.metre, where="dataset.chords")

    def _tunes(self, where: str) -> tuple[list[Tune], list[str]]:
        """The tunes that can be learned from, and a line about what could not be read."""
        scores = read_music(self.path, where).scores
        if self.tune > len(scores):
            raise DataError(f"dataset.tune={self.tune}: the file has {len(scores)} tunes")
        chosen = scores[self.tune - 1 : self.tune] if self.tune else scores
        choice = Choice(self.melody, self.comp, self.chord_window)
        first: DataError | None = None
        tunes, notes = [], []
        for score in chosen:
            told = f"{where}: {score.title}" if len(scores) > 1 else where
            notes += [f"{told}: {remark}" for remark in score.remarks]
            try:
                tunes.append(self._range(tune_of(score, choice, told), told))
            except DataError as error:
                first = first or error
                notes.append(f"a tune is left out: {error}")
        if not tunes and first:
            raise first
        return tunes, notes

    def _range(self, tune: Tune, where: str) -> Tune:
        last = min(self.end_bar or len(tune.bars), len(tune.bars))
        if self.start_bar > last:
            raise DataError(
                f"{where}: bars {self.start_bar} … {self.end_bar or 'the last'} are none of its "
                f"{len(tune.bars)}; choose dataset.start_bar and dataset.end_bar among them"
            )
        part = cut(tune, self.start_bar - 1, last - 1)
        if not part.notes:
            raise DataError(f"{where}: bars {self.start_bar} … {last} hold rests alone")
        return part
