"""What a jazz run sounds like: a solo by the trained model, as files that can be played and read.

While it trains: the mean of −ln p of the batch's targets, by TYPE. At its end, by the model that
`rnnx sample` would use: held-out nats by tune beside a unigram's and a bigram's, a solo over the
data set's chart, and how that solo is made.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from rnnx import Findings, Observation, Outcome, Scratch, require, require_positive
from rnnx.errors import ConfigError
from rnnx_jazz.chart import TEMPO
from rnnx_jazz.corpus import JazzCorpus
from rnnx_jazz.improvising import Solo, improvise, tokens_text
from rnnx_jazz.measures import NAMES, held_out_figures, shares, solo_figures
from rnnx_jazz.memory import MEMORY
from rnnx_jazz.performance import SWINGING, Style
from rnnx_jazz.tokens import Token, parse

FOREIGN = "probe=music: listens to runs of dataset=jazz alone; choose probe=[] or another one"


@dataclass(frozen=True)
class Music:
    """The run's solo as MIDI, MusicXML, sound, picture and tokens, and its figures."""

    every: int = 100
    """Measure the loss by TYPE after step 1 and every multiple of this many steps, at least 1."""
    temperature: float = 0.8
    """Of the solo's tokens: below 1 the likely becomes likelier. Above 0."""
    memory: float = MEMORY
    """What the solo's own figures weigh against the network, each time they were played.
    0 ≤ memory < 1."""
    tempo: float = TEMPO
    """Quarters a minute of the solo, 10 … 600."""
    swing: float = SWINGING.swing
    """Where in a beat its second eighth begins: 0.5 straight, 0.67 a triplet. 0.5 … 0.75."""
    accents: bool = True
    """Whether peaks and syncopations are louder than other notes."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require_positive("temperature", self.temperature)
        require(0 <= self.memory < 1, "memory", "at least 0 and below 1", self.memory)
        self._style()
        require(10 <= self.tempo <= 600, "tempo", "10 … 600", self.tempo)

    def observe(self, seen: Observation) -> Findings:
        head, params = seen.network.head, seen.network.head_params(seen.params, Scratch())
        _, nats, _ = head.forward(params, seen.h, seen.y, seen.lengths, Scratch())
        tokens = [parse(symbol) for symbol in seen.symbols]
        if not any(tokens):
            raise ConfigError(FOREIGN)
        names = np.array([_name_of(token) for token in tokens])
        kinds = names[seen.y]
        T = len(seen.y)
        valid = True if seen.lengths is None else np.arange(T)[:, None] < seen.lengths
        figures = {}
        for name in sorted(set(names.tolist())):
            here = (kinds == name) & valid
            if here.any():
                figures[f"music/nats/{name}"] = float(np.mean(nats[here], dtype=np.float64))
        return Findings(figures, {})

    def conclude(self, outcome: Outcome) -> Findings:
        corpus = outcome.corpus
        if not isinstance(corpus, JazzCorpus) or corpus.chart is None:
            raise ConfigError(FOREIGN)
        chart = replace(corpus.chart, tempo=self.tempo)
        solo = improvise(outcome.model, chart, self.temperature, outcome.seed, self.memory)
        every = [token for tune in (*corpus.tunes, *corpus.held_out) for token in tune.tokens]
        figures = {f"music/solo/{name}": value for name, value in solo_figures(solo)}
        figures |= {f"music/corpus/{name}": value for name, value in shares(every).items()}
        figures |= {
            f"music/held_out/{name}": value
            for name, value in held_out_figures(outcome.model, corpus, self.memory)
        }
        return Findings(figures, {}, files_of(solo, every, self._style()))

    def _style(self) -> Style:
        return Style(self.swing, self.accents)


def _name_of(token: Token | None) -> str:
    """What a token's loss is counted as: its TYPE, or what else it is."""
    if token is None:
        return "foreign"
    kinds = {"root": "chord_root", "scale": "chord_scale"}
    return NAMES.get(token.type) or kinds.get(token.kind, token.kind)


def files_of(solo: Solo, corpus: list[str], style: Style) -> dict[str, bytes]:
    """The solo in all its forms, and the vocabulary with how often each token occurs."""
    from rnnx_jazz.midi import midi_bytes
    from rnnx_jazz.musicxml import musicxml_text
    from rnnx_jazz.pianoroll import pianoroll_png
    from rnnx_jazz.synth import LONGEST, seconds_of, wav_bytes

    counts = Counter(corpus)
    vocabulary = {token: counts[token] for token in sorted(counts)}
    files = {
        "solo.mid": midi_bytes(solo.tune, style),
        "solo.musicxml": musicxml_text(solo.tune).encode(),
        "pianoroll.png": pianoroll_png(solo.tune),
        "tokens.txt": tokens_text(solo).encode(),
        "vocabulary.json": (json.dumps(vocabulary, indent=1) + "\n").encode(),
    }
    if seconds_of(solo.tune) <= LONGEST:
        files["solo.wav"] = wav_bytes(solo.tune, style)
    return files
