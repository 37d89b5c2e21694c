"""``rnnx predict`` and ``rnnx evaluate`` for a model with targets: lines, CSV, JSON, a pipe."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

import rnnx
from rnnx.cli.models import evaluate
from rnnx.cli.predictions import predict
from rnnx.errors import DataError, InputError

TEXTS = "good film\tpos\nbad film\tneg\nso good\tpos\nso bad\tneg\n" * 8


def trained(*own: str) -> str:
    run = rnnx.train([*TINY, "steps=60", "optimizer.learning_rate=0.05", *own])
    return str(run.folder.path)


@pytest.fixture
def classifier() -> str:
    Path("r.txt").write_text(TEXTS, "utf-8")
    return trained("dataset=classified", "dataset.path=r.txt", "dataset.unit=word")


@pytest.fixture
def tagger() -> str:
    Path("t.conll").write_text("the D\ncat N\n\ncats N\nsit V\n\n" * 8, "utf-8")
    return trained("dataset=tagged", "dataset.path=t.conll")


@pytest.fixture
def forecaster() -> str:
    t = np.arange(80)
    rows = np.stack([100 + np.sin(t), np.cos(t)], axis=1)
    np.savetxt("w.csv", rows, delimiter=",", header="temp,wind", comments="", fmt="%.4f")
    own = ("dataset.targets=temp", "dataset.length=8", "head=gaussian")
    return trained("dataset=csv", "dataset.path=w.csv", *own)


def process(*words: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rnnx", *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONUTF8": "1"},
    )


def test_a_pipe_gets_answers_alone(classifier: str) -> None:
    done = process("predict", classifier, "-", given="so good\nbad bat\x1b film\n")
    assert done.returncode == 0
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["so good", "pos"], ["bad bat\\x1b film", "neg"]]
    assert all(0.5 <= float(row[2]) <= 1 for row in rows)
    assert (
        done.stderr
        == ("rnnx: -: the model does not know 'bat\\x1b'; it reads nothing in their place\n")
        or "does not know" in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1
    failed = process("predict", classifier, "missing.txt", given="")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("rnnx: missing.txt: there is no such file in ")
    empty = process("predict", classifier, "-", given="")
    assert (empty.returncode, empty.stderr) == (2, "rnnx: -: is empty; give a text a line\n")


def test_a_file_with_its_labels_is_taken_too(
    classifier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(classifier, "r.txt", "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    given = [line.split("\t") for line in TEXTS.splitlines()]
    assert [[row["input"], row["prediction"]] for row in rows] == given
    assert list(rows[0]) == ["sequence", "input", "prediction", "probability"]
    predict(classifier, "r.txt", "json")
    (first, *_) = json.loads(capsys.readouterr().out)
    assert (first["input"], first["prediction"]) == ("good film", "pos")
    assert first["probabilities"]["pos"] > 0.5
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_a_cell_is_no_formula(classifier: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.txt").write_text("=1+1 good\n", "utf-8")
    predict(classifier, "new.txt", "csv")
    assert capsys.readouterr().out.splitlines()[1].startswith("1,'=1+1 good,")


def test_tags_are_columns_again(tagger: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.txt").write_text("the cat\ncats sit\n", "utf-8")
    predict(tagger, "new.txt", None)
    found = [line.split("\t")[:2] for line in capsys.readouterr().out.split("\n")]
    assert found == [["the", "D"], ["cat", "N"], [""], ["cats", "N"], ["sit", "V"], [""]]
    predict(tagger, "new.txt", "json")
    assert json.loads(capsys.readouterr().out)[1]["prediction"] == ["N", "V"]


def test_values_are_named_and_in_their_unit(
    forecaster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predict(forecaster, "w.csv", "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["sequence", "step", "temp"]
    assert len(rows) == 80
    assert all(97 < float(row["temp"]) < 103 for row in rows)
    predict(forecaster, "w.csv", None)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [row["temp"] for row in rows]
    predict(forecaster, "w.csv", "json")
    (one,) = json.loads(capsys.readouterr().out)
    assert one["prediction"]["temp"] == pytest.approx([float(line) for line in lines], rel=1e-5)
    with pytest.raises(DataError, match="the model's input"):
        predict(forecaster, "r.csv" if Path("r.csv").write_text("a,b\n1,2\n") else "", None)


def test_evaluate_prints_the_metrics_of_the_head(classifier: str, forecaster: str) -> None:
    found = dict(evaluate(classifier, []))
    assert found["measured on"] == "held-out data, 2 targets"
    assert found["loss"].endswith(" nats a sequence")
    assert found["accuracy a sequence"] == "1"
    assert not {"perplexity", "bits a word"} & set(found)
    values = dict(evaluate(forecaster, []))
    assert {"mean squared error", "mean absolute error", "R²"} <= set(values)
    other = dict(evaluate(classifier, ["dataset.val_fraction=0"]))
    assert other["measured on"] == "all of the data, 32 targets"


def test_a_model_of_texts_is_refused(names: Path) -> None:
    run = rnnx.train([*TINY, "dataset=lines", f"dataset.path={names}"])
    with pytest.raises(InputError, match="predict: the model writes texts"):
        predict(str(run.folder.path), str(names), None)
