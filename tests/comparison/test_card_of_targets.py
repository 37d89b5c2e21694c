"""The card of a model that predicts something other than the next symbol."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import TINY

import rnnx
from rnnx.comparison.card import card
from rnnx.comparison.card_checkpoint import other_step, round_at
from rnnx.runs.folder import RunFolder
from rnnx.runs.samples_file import Round

SERIES = ["dataset=csv", "dataset.path=s.csv", "head=gaussian", "monitor=val/mae"]


def trained(*more: str) -> RunFolder:
    rows = "\n".join(f"{np.sin(i / 5):.3f},{np.cos(i / 7):.3f}" for i in range(120))
    Path("s.csv").write_text(f"sin,cos\n{rows}\n", "utf-8")
    return rnnx.train([*TINY, *SERIES, *more]).folder


def told(folder: RunFolder) -> tuple[dict[str, float], str]:
    """The metrics of model-index, and the Markdown."""
    _, front, body = card(str(folder.path)).split("---\n", 2)
    (result,) = yaml.safe_load(front)["model-index"][0]["results"]
    return {one["type"]: one["value"] for one in result["metrics"]}, body


@pytest.mark.parametrize(
    ("more", "best", "last"),
    [
        (["optimizer.learning_rate=0.5", "eval_every=2", "steps=9"], None, 9),
        (["eval_every=0"], 12, 12),  # the last step has no round of its own
    ],
)
def test_its_metrics_are_those_of_its_checkpoint(
    more: list[str], best: int | None, last: int
) -> None:
    folder = trained(*more)
    model = rnnx.load(str(folder.path))
    assert model.step == best if best else model.step < last
    metrics, body = told(folder)
    measured = model.evaluate()
    expected = {"loss": measured.loss, **measured.metrics}
    assert metrics == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert f"| mean absolute error (step {model.step}) | {measured.metrics['mae']:.4g} |" in body
    assert ("not of the checkpoint's step" in body) == (best is None)
    assert "training targets" in body and "targets of one data set" in body
    assert "symbols" not in body


def test_samples_are_those_of_the_checkpoint_where_there_are_some() -> None:
    first, second, last = Round(2, False, ["a"]), Round(4, False, ["b"]), Round(4, True, ["c"])
    rounds = [first, second, last]
    assert round_at(rounds, 2) is first and other_step(first, 2) == ""
    assert round_at(rounds, 4) is last
    assert round_at(rounds, 3) is last and other_step(last, 3) == " of step 4"
    assert round_at([], 3) is None and other_step(None, 3) == ""


def test_its_python_runs_as_it_stands(tmp_path: Path) -> None:
    folder = trained("steps=2")
    _, body = told(folder)
    (python,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", python],
        cwd=folder.checkpoints,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Predicted(y=" in done.stdout
