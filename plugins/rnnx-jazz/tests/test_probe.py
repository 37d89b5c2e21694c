"""The probe `music`: each of its settings is heard, and its figures are what they say."""

import io
from dataclasses import replace

import mido
import pytest

from rnnx import Findings, Outcome
from rnnx.errors import ConfigError
from rnnx.models.trained import Model
from rnnx_jazz.chart import parse_chart
from rnnx_jazz.corpus import JazzCorpus
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.improvising import improvise
from rnnx_jazz.measures import line_figures
from rnnx_jazz.midi import midi_bytes
from rnnx_jazz.music import Note, Tune
from rnnx_jazz.performance import Style
from rnnx_jazz.probe import Music


@pytest.fixture(scope="module")
def corpus() -> JazzCorpus:
    """Three tunes and a short chart: what is concluded from is read quickly."""
    found = Jazz(chords="Dm7 | G7 | Cmaj7 | %", bars=4).load(0)
    assert isinstance(found, JazzCorpus)
    return replace(found, held_out=found.held_out[:1])


def concluded(model: Model, corpus: JazzCorpus, music: Music, seed: int = 0) -> Findings:
    return music.conclude(Outcome(model, corpus, seed))


def messages(findings: Findings, kind: str) -> list[mido.Message]:
    file = mido.MidiFile(file=io.BytesIO(findings.files["solo.mid"]))
    return [message for track in file.tracks for message in track if message.type == kind]


def test_the_solo_is_the_one_of_its_settings(model: Model, corpus: JazzCorpus) -> None:
    found = concluded(model, corpus, Music(temperature=1.2, memory=0.3, tempo=90.0), seed=5)
    chart = parse_chart("Dm7 | G7 | Cmaj7 | %", tempo=90.0)
    solo = improvise(model, chart, 1.2, 5, 0.3)
    assert found.files["solo.mid"] == midi_bytes(solo.tune)
    for other in (
        improvise(model, chart, 0.8, 5, 0.3),
        improvise(model, chart, 1.2, 6, 0.3),
    ):
        assert other.bars != solo.bars


def test_its_tempo(model: Model, corpus: JazzCorpus) -> None:
    slow, fast = (concluded(model, corpus, Music(tempo=tempo)) for tempo in (60.0, 240.0))
    tempi = [messages(found, "set_tempo")[0].tempo for found in (slow, fast)]
    assert tempi == [1_000_000, 250_000]
    assert slow.files["tokens.txt"] == fast.files["tokens.txt"]
    assert len(slow.files["solo.wav"]) > 3 * len(fast.files["solo.wav"])


def test_its_temperature_and_seed(model: Model, corpus: JazzCorpus) -> None:
    settings = [(0.8, 0), (0.8, 1), (1.5, 0), (0.3, 0)]
    found = [
        concluded(model, corpus, Music(temperature=temperature), seed).files["tokens.txt"]
        for temperature, seed in settings
    ]
    assert len(set(found)) == len(settings)


def test_its_swing_and_accents(model: Model, corpus: JazzCorpus) -> None:
    swung, straight = (concluded(model, corpus, Music(swing=swing)) for swing in (0.62, 0.5))
    assert messages(swung, "text") and not messages(straight, "text")
    plain = messages(concluded(model, corpus, Music(accents=False)), "note_on")
    accented = messages(swung, "note_on")
    assert {m.velocity for m in plain if m.channel == 0} == {96}
    assert len({m.velocity for m in accented if m.channel == 0}) > 2


@pytest.mark.parametrize(
    "settings", [{"memory": 1.0}, {"memory": -0.1}, {"swing": 0.4}, {"tempo": 5}, {"every": 0}]
)
def test_its_ranges(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Music(**settings)


def line(chords: str, pitches: list[int | None], ticks: int = 12) -> Tune:
    """One note a place, None a rest."""
    chart = parse_chart(chords)
    notes = [Note(k * ticks, ticks, p) for k, p in enumerate(pitches) if p is not None]
    return replace(chart, notes=tuple(notes))


def test_figures_of_bars() -> None:
    bar = [60, 64, 67, 70]
    tune = line("C7 | C7 | C7 | C7", [*bar, *bar, 60, 64, 67, None, *bar])
    found = line_figures(tune)
    assert found["distinct_bars"] == 0.5
    assert found["breaths"] == 0.25
    assert found["steps"] == 0
    assert line_figures(line("C7 | C7", [None] * 4 + bar))["breaths"] == 0  # silence ends nothing
    assert line_figures(line("C7", [60, 62, 64, 66]))["steps"] == 1


def test_figures_of_chords() -> None:
    found = line_figures(line("C7 | F7", [60, 62, 65, 64, 63, 64, 69, 60]))
    assert found["strong_chord_tones"] == 0.75  # C, not F; E flat and A of F7
    assert found["ends_on_chord_tone"] == 1
    assert line_figures(line("C7", [60, 64, 67, 69]))["ends_on_chord_tone"] == 0


@pytest.mark.parametrize(
    ("pitches", "unresolved"),
    [
        ([60, 61, 62, 60], 0),  # D flat to D
        ([60, 61, 64, 60], 0.25),  # by a leap
        ([60, 61, None, 60], 1 / 3),  # after a rest
        ([60, 66, 67, 61], 0.25),  # at the end
        ([60, 63, 61, 60], 0.25),  # into another that is outside
    ],
)
def test_notes_outside_that_lead_nowhere(pitches: list[int | None], unresolved: float) -> None:
    assert line_figures(line("C7", pitches))["unresolved"] == pytest.approx(unresolved)


def test_figures_of_motifs() -> None:
    figure = [60, 62, 64, 65, 67]
    again = [*figure, *(pitch + 5 for pitch in figure)]
    assert line_figures(line("C | F | C", again))["motifs"] == pytest.approx(2 / 6)
    assert line_figures(line("C | F", [60, 61, 63, 66, 70, 71, 75, 80]))["motifs"] == 0
    assert line_figures(line("C", [60]))["motifs"] == 0


def test_what_has_no_notes_has_no_figures() -> None:
    found = line_figures(line("C7 | F7", []))
    assert found["distinct_bars"] == 0.5 and sum(found.values()) == 0.5


def test_the_sound_of_a_style_is_that_of_its_midi(model: Model, corpus: JazzCorpus) -> None:
    solo = improvise(model, parse_chart("C7", 4), 0.8, 0)
    assert midi_bytes(solo.tune, Style()) != midi_bytes(solo.tune, Style(0.5))
