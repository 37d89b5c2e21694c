"""What a task tells of itself in a run: levels, when it is solved, metrics by length and age."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnx
from rnnx.cli.models import evaluate
from rnnx.data.corpus import Corpus
from rnnx.data.yardsticks import Criterion, Level
from rnnx.errors import DataError
from rnnx.training.report import Silent
from rnnx.training.resume import resume

TINY = [
    "layers=1",
    "dropout=0",
    "average=none",
    "cell=vanilla",
    "cell.hidden_size=6",
    "batch_size=8",
    "baseline=never",
    "sample_every=0",
    "eval_every=2",
    "tracker=none",
    "backend=numpy",
]


def history(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Metric → its points (step, value)."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines():
        key, value, step, _ = json.loads(line)
        found[key].append((step, value))
    return found


def trained(folder: Path, dataset: Sequence[str], steps: int = 6) -> Any:
    return rnnx.train([*TINY, *dataset, f"steps={steps}", f"outputs={folder}"])


COPY = ["dataset=copy", "dataset.items=3", "dataset.lengths.longest=12", "dataset.held_out=40"]


def test_levels_stand_beside_each_evaluation(tmp_path: Path) -> None:
    run = trained(tmp_path, ["dataset=embedded_reber", "dataset.held_out=20"])
    found = history(run.folder.path)
    optimum, no_memory = found["level/loss_optimum"], found["level/loss_no_memory"]
    assert [step for step, _ in optimum] == [step for step, _ in found["val/loss"]] == [2, 4, 6]
    assert {round(value, 4) for _, value in optimum} == {0.4411}
    assert {round(value, 4) for _, value in no_memory} == {0.5041}


def test_a_level_of_a_metric_that_a_head_has_not_is_left_out(tmp_path: Path) -> None:
    adding = ["dataset=adding", "dataset.lengths.longest=10", "dataset.held_out=20"]
    run = trained(tmp_path, [*adding, "head=absolute"])
    found = history(run.folder.path)
    assert {key for key in found if key.startswith("level/")} == {
        "level/mse_chance",
        "level/mse_optimum",
    }
    assert found["level/mse_chance"][0][1] == pytest.approx(1 / 6)


def by_hand(model: Any, corpus: Corpus, of: str) -> dict[int, float]:
    """The accuracy at each length or age, target by target."""
    right: dict[int, list[float]] = defaultdict(list)
    part: Any = corpus.val
    for i in range(len(part)):
        steps = slice(part.starts[i], part.starts[i] + part.lengths[i])
        x = "".join(corpus.vocabulary.symbols[k] for k in part.ids[steps])
        guessed = model.predict([x])[0].y
        truth = [corpus.targets.names[k] for k in part.y[steps]]
        places = part.ages[steps] if of == "age" else [part.sizes[i]] * len(truth)
        for place, one, other in zip(places, guessed, truth, strict=True):
            if place:
                right[int(place)].append(one == other)
    return {place: float(np.mean(hits)) for place, hits in right.items()}


@pytest.mark.parametrize("of", ["length", "age"])
def test_accuracy_by_length_and_by_age(of: str, tmp_path: Path) -> None:
    run = trained(tmp_path, [*COPY, "dataset.lengths.shortest=5"])
    found = dict(history(run.folder.path)[f"by_{of}/accuracy"])
    last = rnnx.load(str(run.folder.path / "checkpoints" / "last.safetensors"))
    assert found == pytest.approx(by_hand(last, last.own_corpus(), of))
    assert len(found) == 8


def test_many_lengths_share_places(tmp_path: Path) -> None:
    echo = ["dataset=delayed_echo", "dataset.lengths.longest=200", "dataset.lengths.shortest=20"]
    run = trained(tmp_path, [*echo, "dataset.held_out=300"], 2)
    found = history(run.folder.path)
    places = [place for place, _ in found["by_length/accuracy"]]
    assert len(places) == 40 and places == sorted(places) and 20 < places[0] < places[-1] < 200
    assert "by_age/accuracy" not in found  # all targets are of one age


def test_a_task_that_is_solved_says_when(tmp_path: Path, capsys: Any) -> None:
    even = ["dataset=even_pairs", "dataset.lengths.longest=1", "dataset.lengths.shortest=0"]
    easy = [*even, "dataset.lengths.val_longest=1", "dataset.lengths.val_shortest=0"]
    run = trained(tmp_path, [*easy, "optimizer.learning_rate=0.1"], 30)
    found = history(run.folder.path)
    accurate = [step for step, value in found["val/accuracy"] if value >= 0.9]
    [(when, solved)] = found["criterion/solved_at"]
    assert solved == accurate[0] and when == accurate[2]
    assert run.metrics["final/solved_at"] == solved


def test_a_run_that_goes_on_remembers_what_it_met(tmp_path: Path) -> None:
    even = ["dataset=even_pairs", "dataset.lengths.longest=1", "dataset.lengths.shortest=0"]
    easy = [*even, "dataset.lengths.val_longest=1", "dataset.lengths.val_shortest=0"]
    easy += ["optimizer.learning_rate=0.1"]
    whole = trained(tmp_path / "whole", easy, 20)
    found = {key: points for key, points in history(whole.folder.path).items() if "solved" in key}
    [(when, _)] = found["criterion/solved_at"]
    part = trained(tmp_path / "part", easy, when - 2)
    assert "criterion/solved_at" not in history(part.folder.path)
    resume(part.folder, Silent(), ["steps=20"])
    again = history(part.folder.path)
    assert again["criterion/solved_at"] == found["criterion/solved_at"]


def test_evaluate_prints_levels_and_lengths(tmp_path: Path) -> None:
    run = trained(tmp_path, [*COPY, "dataset.lengths.shortest=5"])
    rows = dict(evaluate(str(run.folder.path), ["dataset.lengths.val_longest=30"]))
    assert "(no memory " in rows["loss"] and "optimum 0)" in rows["loss"]
    assert rows["measured on"].startswith("all of the data, 1,440 targets")
    rows = dict(evaluate(str(run.folder.path), []))
    assert {f"accuracy a step, length {n}" for n in range(5, 13)} < rows.keys()
    assert {f"accuracy a step, age {n + 3}" for n in range(5, 13)} < rows.keys()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"levels": (Level("loss", "chance", float("nan")),)}, "level/loss_chance is nan"),
        ({"levels": (Level("loss", "a", 1.0), Level("loss", "a", 2.0))}, "two levels of one name"),
        ({"criterion": Criterion("loss", 1.0, 0)}, "is never met"),
    ],
)
def test_wrong_levels_are_refused(wrong: dict[str, Any], words: str) -> None:
    whole = rnnx.sequences_of([0, 1], ids=[[0], [1]], per_sequence=True)
    targets = rnnx.classes(["a", "b"], per_sequence=True)
    with pytest.raises(DataError, match=words):
        rnnx.Corpus(rnnx.Vocabulary(("0", "1")), whole, None, "0" * 64, targets=targets, **wrong)


def test_sizes_and_ages_are_one_each_and_stay_with_their_sequences() -> None:
    y, ids = [[0, 1], [1, 0, 1]], [[0, 1], [1, 1, 0]]
    whole = replace(
        rnnx.sequences_of(y, ids=ids), sizes=np.array([7, 8]), ages=np.array([0, 1, 0, 2, 1])
    )
    second = whole.select(np.array([1]))
    assert second.sizes.tolist() == [8] and second.ages is whole.ages
    single = rnnx.sequences_of([1, 0], ids=ids, per_sequence=True)
    single = replace(single, ages=np.array([2, 3]))
    assert single.select(np.array([1])).ages.tolist() == [3]
    with pytest.raises(DataError, match="1 sizes for 2 lengths"):
        replace(whole, sizes=np.array([7]))
    with pytest.raises(DataError, match=r"ages has the shape \(2,\), expected 5 entries"):
        replace(whole, ages=np.array([1, 2]))
