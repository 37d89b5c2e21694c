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


def _sorted(text: str) -> str:
    return "".join(sorted(text.splitlines(keepends=True), reverse=True))


CHANGES = {
    "one more line": lambda text: text + "zara\n".replace("z", "a"),
    "sorted": _sorted,
    "cut in half": lambda text: text[: len(text) // 2],
    "one letter": lambda text: text.replace("bocis", "bocil"),
    "twice": lambda text: text * 2,
}


@pytest.mark.parametrize("dataset", ["lines", "text"])
@pytest.mark.parametrize("change", CHANGES)
def test_other_data_is_not_called_held_out(dataset: str, change: str, names: Path) -> None:
    # `dataset=text` reads in windows; both are measured from the command line and from Python.
    model = rnnx.train([*tiny(names), f"dataset={dataset}", f"dataset.path={names}"]).model
    before = model.evaluate()
    text = names.read_text("utf-8")
    names.write_text(CHANGES[change](text), "utf-8")
    with pytest.raises(DataError, match="the data has changed since the run was trained"):
        model.evaluate()
    with pytest.raises(DataError, match="measure on all of other data"):
        list(evaluate_command("last", []))
    names.write_text(text, "utf-8")
    assert model.evaluate() == before


def test_another_split_of_the_same_data_is_refused(names: Path) -> None:
    model = rnnx.train(tiny(names, "dataset.split_seed=2")).model
    measured = model.evaluate()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnx_builtin.datasets.lines.split_examples", lambda e, f, s: (e, e))
        with pytest.raises(DataError, match="the split of the data has changed"):
            model.evaluate()
    assert rnnx.load("last").evaluate() == measured


def test_the_seed_of_a_run_does_not_draw_its_held_out_part(names: Path) -> None:
    splits = {
        rnnx.build(tiny(names, f"seed={seed}", f"dataset.split_seed={split}")).identity.split_sha256
        for seed in (0, 1, 2)
        for split in (0, 1)
    }
    assert len(splits) == 2


def test_surprise_is_a_number_a_symbol_whose_mean_is_the_score(model: rnnx.Model) -> None:
    texts = ["bo", "", "arabocis", "fu"]
    found = model.surprise(texts)
    assert [len(nats) for nats in found] == [len(text) + 1 for text in texts]  # and the newline
    assert [nats.mean() for nats in found] == pytest.approx(model.score(texts), rel=1e-5)
    # What comes later changes nothing: a symbol is measured given those before it.
    assert model.surprise(["ara"])[0][:2] == pytest.approx(found[2][:2], rel=1e-4)
    assert model.surprise([]) == []
    with pytest.raises(DataError, match="text 2: X not in the model's vocabulary"):
        model.surprise(["bo", "X"])


def test_a_long_text_is_measured_in_parts(
    model: rnnx.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["arabocis", "bo", "fu", "elda"]
    whole = model.surprise(texts)
    monkeypatch.setattr("rnnx.models.evaluation.places", lambda network, dtype: 6)
    for one, other in zip(whole, model.surprise(texts), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_the_data_that_a_model_learned_from(model: rnnx.Model, names: Path) -> None:
    assert model.own_corpus().train.tokens == rnnx.build(tiny(names)).corpus.train.tokens
    names.write_text("bo\nfu\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"the data has changed.*bring the old data back"):
        model.own_corpus()
