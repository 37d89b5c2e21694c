"""Runs of other targets than the next symbol on a page, in a view and in their figures."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import TINY

import rnnx
from rnnx.comparison.card import card
from rnnx.comparison.compare import compare
from rnnx.comparison.curves import _loss_label
from rnnx.comparison.page import render
from rnnx.comparison.predictions import last_predictions
from rnnx.comparison.views import _sections, shown_of_folders
from rnnx.runs.folder import RunFolder


@pytest.fixture
def runs() -> list[RunFolder]:
    """Two classifiers of the same texts, one of which is a <b>."""
    Path("r.txt").write_text("good <b>\tpos\nbad\tneg\nso good\tpos\nso bad\tneg\n" * 8, "utf-8")
    data = ["dataset=classified", "dataset.path=r.txt", "dataset.unit=word"]
    return [rnnx.train([*TINY, *data, f"cell={cell}"]).folder for cell in ("gru", "lstm")]


def test_predictions_stand_side_by_side(runs: list[RunFolder]) -> None:
    comparison = compare([str(run.path) for run in runs])
    found = last_predictions(comparison)
    assert found is not None
    assert list(found.columns[:3]) == ["example", "input", "target"]
    assert len(found.columns) == 5
    assert len(found.rows) == 2  # the whole held-out part
    assert all(row[2] in ("pos", "neg") and {*row[3:]} <= {"pos", "neg"} for row in found.rows)
    page = render(comparison, {})
    assert "Predictions of held-out examples" in page
    assert "<td>good <b></td>" not in page
    assert _loss_label(comparison, "val/loss").endswith("(nats a sequence)")


def test_a_view_has_the_metrics_of_the_head(runs: list[RunFolder]) -> None:
    sections = {one.title: one for one in _sections(shown_of_folders(runs), [])}
    charts = sections["Metrics of the held-out data"].charts
    assert [chart.metrics for chart in charts] == [["val/accuracy"]]


def test_texts_have_neither(names: Path) -> None:
    run = rnnx.train([*TINY, "dataset=lines", f"dataset.path={names}"]).folder
    comparison = compare([str(run.path)])
    assert last_predictions(comparison) is None
    assert "Predictions of held-out" not in render(comparison, {})
    assert _loss_label(comparison, "val/loss").endswith("(nats)")
    titles = [one.title for one in _sections(shown_of_folders([run]), [])]
    assert "Metrics of the held-out data" not in titles


def test_a_run_on_other_data_has_empty_cells(runs: list[RunFolder]) -> None:
    np.savez("a.npz", x=np.random.default_rng(0).normal(size=(30, 4)), y=np.arange(30) % 2)
    other = rnnx.train([*TINY, "dataset=npz", "dataset.path=a.npz"]).folder
    found = last_predictions(compare([str(run.path) for run in (runs[0], other)]))
    assert found is not None
    assert all("" in row[3:] for row in found.rows)


def test_a_card_tells_what_is_predicted_and_how_well(runs: list[RunFolder]) -> None:
    text = card(str(runs[0].path))
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["pipeline_tag"] == "text-classification"
    assert front["metrics"] == ["accuracy"]
    (result,) = front["model-index"][0]["results"]
    assert [one["type"] for one in result["metrics"]] == ["loss", "accuracy"]
    assert "predicts `2 classes a sequence (neg, pos)`" in text
    assert "rnnx predict best.safetensors NEW_DATA" in text
    assert "| accuracy a sequence (step " in text
    assert re.search(r"^\| `(good <b>|bad|so good|so bad)` \| `(pos|neg)` \| ", text, re.MULTILINE)
    for word in ("nats a character", "nats a token", "bits a", "perplexity", "rnnx sample"):
        assert word not in text
