"""Samples side by side: which ones, their surprise, what they copy and where they differ."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.comparison.compare import Comparison, compare_sweep, rank_runs
from rnnx.comparison.page_texts import text_sections
from rnnx.comparison.readings import Readings
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.texts import (
    LONGEST,
    MOST_RUNS,
    Piece,
    clusters,
    pieces,
    side_by_side,
    surprise_levels,
)
from rnnx.config.settings import Backend
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError
from rnnx.models import trained
from rnnx.models.trained import load_file
from rnnx.runs.checkpoint import Checkpoint
from rnnx.runs.folder import RunFolder
from rnnx.runs.samples_file import append, rounds
from rnnx.runs.sweep_folder import Sweep


@pytest.fixture
def found(sweep: Sweep) -> Comparison:
    return compare_sweep(sweep)


def alone(found: Comparison, place: int = 0) -> Comparison:
    return found._replace(runs=[found.runs[place]])


def test_several_runs_are_shown_at_their_last_step_the_best_first(found: Comparison) -> None:
    side = side_by_side(found, Readings())
    ranked = found.with_value()
    assert [c.run_id for c in side.columns] == [run.run_id for run in ranked]
    assert [(c.step, c.is_final, c.when) for c in side.columns] == [
        (12, True, "step 12, the end")
    ] * 4
    for column, run in zip(side.columns, ranked, strict=True):
        assert run.folder is not None
        drawn = rounds(run.folder.samples)[-1].texts[:8]
        assert [text.whole for text in column.texts] == drawn
        model = load_file(run.folder.last)
        for text in column.texts:
            (nats,) = model.surprise([text.whole])
            assert text.nats == pytest.approx(nats.mean())
            assert text.copy is not None and text.copy.text in text.whole
        assert column.measured_at == 12
    assert side.notes == [f"{found.runs[-1].name}: no samples are here"]  # it failed


def test_a_step_shows_what_was_drawn_then(found: Comparison) -> None:
    side = side_by_side(found, Readings(), step=6, limit=2)
    assert {(c.step, c.is_final, len(c.texts), c.measured_at) for c in side.columns} == {
        (6, False, 2, 12)  # the checkpoint of step 6 is kept no more
    }
    assert not side_by_side(found, Readings(), step=12).columns[0].is_final
    with pytest.raises(ConfigError, match=r"--step 7: .* choose from 1, 6, 12$"):
        side_by_side(found, Readings(), step=7)


def test_one_run_is_shown_at_all_of_its_steps(found: Comparison) -> None:
    side = side_by_side(alone(found), Readings(), diff=True)
    assert [(c.step, c.is_final) for c in side.columns] == [
        (1, False),
        (6, False),
        (12, False),
        (12, True),
    ]
    assert not any(piece.change for text in side.columns[0].texts for piece in text.pieces)
    for one, other in zip(side.columns, side.columns[1:], strict=False):
        for before, text in zip(one.texts, other.texts, strict=False):
            kept = "".join(piece.text for piece in text.pieces if piece.change != "removed")
            was = "".join(piece.text for piece in text.pieces if piece.change != "added")
            assert (was, kept) == (before.whole, text.whole)
    few = side_by_side(alone(found), Readings(), most_steps=2)
    assert [(c.step, c.is_final) for c in few.columns] == [(1, False), (12, True)]
    assert few.notes == ["samples of 2 of 4 steps"]


def test_surprise_is_measured_under_a_given_model(found: Comparison) -> None:
    folder = found.with_value()[1].folder
    assert folder is not None
    model = load_file(folder.best)
    (column,) = side_by_side(alone(found), Readings(model), step=6).columns
    assert column.measured_at is None
    for text in column.texts:
        assert text.nats == pytest.approx(model.surprise([text.whole])[0].mean())


def test_what_cannot_be_measured_is_shown_and_said(
    tmp_path: Path, run: Callable[..., ComparedRun], found: Comparison
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    append(folder.samples, 1, ["né", ""])
    empty = rank_runs([run("a=1", 1.0)._replace(folder=folder)], "t", "best/val_loss")
    side = side_by_side(empty, Readings())
    assert [text.pieces for text in side.columns[0].texts] == [[Piece("né", None)], []]
    assert side.notes == ["run: no checkpoint is here, so nothing is measured"]
    source = found.with_value()[0].folder
    assert source is not None
    folder.checkpoints.mkdir()
    folder.last.write_bytes(source.last.read_bytes())
    side = side_by_side(empty, Readings())
    assert [text.nats is None for text in side.columns[0].texts] == [True, False]
    (note,) = side.notes
    assert note.startswith("some texts are not measured: text 1: n é not in the model's vocabulary")
    folder.last.write_bytes(b"damaged")
    (note,) = side_by_side(empty, Readings()).notes
    assert note.startswith("not measured: ")


def test_of_many_runs_the_best_ones_and_the_last_are_shown(
    tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    runs = []
    for place in range(12):
        folder = RunFolder(tmp_path / f"{place:02}")
        folder.path.mkdir()
        append(folder.samples, 1, ["a"])
        runs.append(run(f"a={place}", float(place))._replace(folder=folder))
    side = side_by_side(rank_runs(runs, "t", "best/val_loss"), Readings())
    assert [c.run for c in side.columns] == [f"a={i}" for i in (*range(MOST_RUNS - 1), 11)]
    assert side.notes[0] == "samples of 8 of 12 runs: the best ones, and the last of all"
    lost = [one._replace(folder=None) for one in runs]
    side = side_by_side(rank_runs(lost, "t", "best/val_loss"), Readings())
    assert side == ([], ["a=0, a=1, a=2 and 9 more runs: no samples are here"])


def test_a_page_has_the_best_run_by_step(found: Comparison) -> None:
    of_all, by_step = text_sections(found)
    assert [c.title for c in of_all.columns] == [run.name for run in found.with_value()]
    assert [c.title for c in by_step.columns][:2] == ["step 1", "step 6"]
    assert [section.place for section in text_sections(alone(found))] == ["steps"]


def test_a_few_texts_wait_for_no_compiled_code(
    found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_by: set[str] = set()
    real = trained.checkpoints.read

    def compiled(path: Path) -> Checkpoint:
        made = real(path)
        return replace(made, metadata={**made.metadata, "backend": "fast"})

    def noting(name: str) -> Backend:
        measured_by.add(name)
        return Backend.numpy

    monkeypatch.setattr(trained.checkpoints, "read", compiled)
    monkeypatch.setattr(trained, "backend_of_checkpoint", noting)
    assert text_sections(found)
    assert measured_by == {"numpy"}


TEXTS = st.text(st.sampled_from("ab \n\u0301\u200d\U0001f469\U0001f680\U0001f1e9\U0001f1ea恐ا"))


@given(TEXTS, TEXTS)
def test_pieces_hold_both_texts_whole(text: str, before: str) -> None:
    shown = list(pieces(text, [None] * len(text), before))
    assert "".join(p.text for p in shown if p.change != "removed") == text
    assert "".join(p.text for p in shown if p.change != "added") == before
    assert "".join(clusters(text)) == text


def test_pieces_are_levels_of_surprise() -> None:
    nats = np.array([0.5, 0.9, 2.5, 7.0, 1.0])
    levels = surprise_levels("abcd", Vocabulary.of("abcd", "\n"), nats)
    assert levels == [0, 0, 2, 4]  # the last number is that of the newline
    assert list(pieces("abcd", levels)) == [Piece("ab", 0), Piece("c", 2), Piece("d", 4)]
    assert list(pieces("abcd", levels, "abxd")) == [
        Piece("ab", 0),
        Piece("x", None, "removed"),
        Piece("c", 2, "added"),
        Piece("d", 4),
    ]
    words = Vocabulary(("a", "bc"), None, " ")
    assert surprise_levels("bc a", words, np.array([0.0, 3.0])) == [0, 0, None, 3]
    assert surprise_levels("abc", None, None) == [None] * 3


def test_a_sign_of_several_characters_stays_whole() -> None:
    assert clusters("e\u0301x") == ["e\u0301", "x"]
    assert clusters("👩\u200d🚀👍🏽") == ["👩\u200d🚀", "👍🏽"]
    assert clusters("🇩🇪🇫🇷") == ["🇩🇪", "🇫🇷"]
    assert clusters("\n\u0301") == ["\n", "\u0301"]
    assert list(pieces("e\u0301", [1, 3])) == [Piece("e\u0301", 3)]


def test_a_long_text_is_cut() -> None:
    shown = list(pieces("x" * (LONGEST + 1), [None] * (LONGEST + 1)))
    assert shown == [Piece("x" * LONGEST, None), Piece("…", None)]
