"""The two experiments: what they leave behind, and the course's figures."""

import io
import json
import math
import wave
from pathlib import Path

import numpy as np
import pytest

import rnnx
from rnnx import Examples
from rnnx.config.components import component_from
from rnnx.training.run import Run
from rnnx_jazz.corpus import JazzCorpus
from rnnx_jazz.music import Tune
from rnnx_jazz.tokens import encode, notes_of, parsed

FILES = {"solo.mid", "solo.musicxml", "solo.wav", "pianoroll.png", "tokens.txt", "vocabulary.json"}


def test_the_music_is_in_the_folder_and_in_the_tracker(run: Run, tmp_path) -> None:
    folder = run.folder.path / "probes" / "music"
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "solo.mid").read_bytes()[:4] == b"MThd"
    assert b"<score-partwise" in (folder / "solo.musicxml").read_bytes()
    assert (folder / "pianoroll.png").read_bytes()[1:4] == b"PNG"
    with wave.open(io.BytesIO((folder / "solo.wav").read_bytes())) as sound:
        assert sound.getnframes() > 40 * sound.getframerate()
    lines = (folder / "tokens.txt").read_text("utf-8").splitlines()
    assert len(lines) == 24 and lines[0].startswith("1\tC7\t")
    counts = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    assert list(counts) == sorted(counts) and sum(counts.values()) >= 2000
    from omegaconf import OmegaConf

    config = OmegaConf.to_container(OmegaConf.load(run.folder.config))
    tracker = component_from("tracker", config["tracker"])
    for name in FILES:
        fetched = tracker.fetch(run.run_id, f"music/{name}", tmp_path)
        assert fetched.read_bytes() == (folder / name).read_bytes()


def test_its_figures(run: Run) -> None:
    found = run.metrics
    for who in ("solo", "corpus"):
        kinds = [found[f"music/{who}/{k}"] for k in ("chord", "scale", "approach", "other", "rest")]
        assert sum(kinds) == pytest.approx(1)
    assert 0 < found["music/solo/distinct_bars"] <= 1
    assert 55 <= found["music/solo/lowest"] < found["music/solo/highest"] <= 84
    tunes = {key.split("/")[2] for key in found if key.startswith("music/held_out/")}
    assert len(tunes) == 13 and "all" in tunes  # twelve tunes are held out
    for tune in tunes:
        ours, unigram, bigram = (
            found[f"music/held_out/{tune}/{k}"] for k in ("loss", "unigram", "bigram")
        )
        assert 0 < bigram < unigram < math.log(200)
        assert 0 < ours < 8
    every = {k: found[f"music/held_out/all/{k}"] for k in ("loss", "bigram", "with_memory")}
    assert every["loss"] == pytest.approx(found["best/val_loss"], rel=1e-4)
    assert every["with_memory"] < every["loss"]
    assert 0 < found["music/held_out/all/best_ngram"] <= every["bigram"]


def test_a_run_is_the_same_twice() -> None:
    overrides = ["experiment=jazz", "tracker=none", "steps=3", "samples=1", "patience=0"]
    one, two = rnnx.train(overrides), rnnx.train(overrides)
    for name in ("solo.mid", "tokens.txt", "solo.musicxml", "solo.wav"):
        files = [run.folder.path / "probes" / "music" / name for run in (one, two)]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("bars", [1, 2, 5])
def test_a_short_tune_is_enough_for_the_recipe(tmp_path: Path, bars: int) -> None:
    """Its few windows are taken again, so that a batch of the recipe can be drawn from them."""
    path = tmp_path / "a.abc"
    path.write_text("X:1\nM:4/4\nL:1/8\nK:C\n" + '"C"CDEF G2 c2|' * bars + "\n", "utf-8")
    overrides = [
        "experiment=jazz",
        f"dataset.path={path}",
        f"dataset.val_fraction={0.5 * (bars > 1)}",
    ]
    session = rnnx.build(overrides)
    train = session.corpus.train
    assert isinstance(train, Examples) and 64 <= len(train) < 128
    windows = {(int(start), int(n)) for start, n in zip(train.starts, train.lengths, strict=True)}
    assert len(train) % len(windows) == 0
    assert np.isfinite(session.step())


def test_the_courses_windows() -> None:
    """X (60, 30, V) begins with zeros, and Y is X a step earlier; its last row counts nowhere."""
    session = rnnx.build(["experiment=jazz_course"])
    corpus = session.corpus
    assert isinstance(corpus, JazzCorpus)
    tokens = corpus.vocabulary.encode(corpus.tunes[0].tokens)
    draw = np.random.RandomState(0)
    for i in range(60):
        start = draw.choice(len(tokens) - 30)
        window = tokens[start : start + 30]
        x = [-1, *window[1:]]
        y = [*window[1:], -1]  # the last target is no token
        assert corpus.train.targets(i).tolist() == y[:-1]
        assert corpus.train.first is None and x[1:] == y[:-1]
    assert len(corpus.train) == 60 and corpus.val is None


def test_the_courses_loss(tunes: list[Tune]) -> None:
    """Near 29·ln V at first; in single digits after 100 epochs."""
    session = rnnx.build(["experiment=jazz_course"])
    V = len(session.corpus.vocabulary)
    assert len(notes_of([t for bar in encode(tunes[7]) for t in bar])) == 189
    assert session.params.size == 4 * 64 * (64 + V + 1) + 65 * V  # 41,678 where V is 78
    losses = [session.step() for _ in range(200)]
    assert losses[0] == pytest.approx(29 * math.log(V), rel=0.02)
    assert max(losses[-20:]) < 10


def test_sampling_and_going_on(run: Run) -> None:
    first = rnnx.load(str(run.folder.path)).sample(2, seed=3)
    assert first == rnnx.load(str(run.folder.path)).sample(2, seed=3)
    assert all(parsed(token) for token in first[0].split())
