"""A trained model measures its loss from Python, on its own or on other data."""

import math
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.cli.models import evaluate as evaluate_command
from rnnx.config.components import component_from
from rnnx.errors import ConfigError, DataError


@pytest.fixture
def model(names: Path) -> rnnx.Model:
    return rnnx.train(tiny(names)).model


def test_the_held_out_part_of_the_runs_own_data(model: rnnx.Model, names: Path) -> None:
    found = model.evaluate()
    session = rnnx.build(tiny(names))
    assert session.corpus.val is not None
    assert found.tokens == session.corpus.val.tokens
    assert found.loss == model.mean_nats(session.corpus.val)
    assert model.evaluate(tokens=20).tokens < found.tokens


def test_all_of_another_data_set_is_a_mean_over_its_symbols(
    model: rnnx.Model, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    lines = ["bo", "arabocis", "fu", "el", "da"]  # of another vocabulary: its ids are translated
    other.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = model.evaluate({"name": "lines", "path": str(other)})
    lengths = [len(line) + 1 for line in lines]
    assert found.tokens == sum(lengths)
    by_line = np.dot(model.score(lines), lengths) / sum(lengths)
    assert found.loss == pytest.approx(by_line, rel=1e-5)
    assert model.evaluate(component_from("dataset", {"name": "lines", "path": str(other)})) == found
    said = dict(evaluate_command("last", ["dataset=lines", f"dataset.path={other}"]))
    assert said["measured on"] == f"all of the data, {sum(lengths)} symbols"
    assert float(said["perplexity"]) == pytest.approx(math.exp(found.loss), rel=1e-3)


def test_what_cannot_be_measured_is_one_line(names: Path) -> None:
    run = rnnx.train(tiny(names, "dataset.val_fraction=0"))
    with pytest.raises(DataError, match="held nothing out"):
        run.model.evaluate()
    with pytest.raises(ConfigError, match="eval_tokens=-1: must be at least 0"):
        rnnx.train(tiny(names)).model.evaluate(tokens=-1)
    names.write_text("xyz\nqw\nzz\n", encoding="utf-8")
    with pytest.raises(DataError, match="not in the model's vocabulary"):
        run.model.evaluate({"name": "lines", "path": str(names)})
