"""``monitor``: which metric of the held-out data decides, and which way."""

import math
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
from sequence_tasks import TASKS

from rnnx.comparison.compare import compare
from rnnx.config.compose import compose
from rnnx.errors import ConfigError
from rnnx.models.load import find_model
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.runs.sweep_folder import JobResult
from rnnx.sweeps.ranking import rank_results
from rnnx.training.describing import Best, description
from rnnx.training.monitor import Monitor, monitored
from rnnx.training.progress import Progress
from rnnx.training.report import Silent
from rnnx.training.run import Run, train
from rnnx.training.session import Session

SMALL = ["tracker=none", "cell.hidden_size=6", "batch_size=4", "dropout=0", "layers=1"]
TAGS = [*SMALL, "dataset=tags", "optimizer.learning_rate=0.05", "monitor=val/sequence_accuracy"]


@pytest.fixture(autouse=True)
def tasks(install: Callable[..., EntryPoint]) -> None:
    install(TASKS)


def run(*more: str) -> Run:
    return train(compose([*TAGS, "steps=40", "eval_every=4", *more]), Silent())


def test_it_decides_the_best_checkpoint() -> None:
    made = run()
    points = read_history(made.folder.metrics)["val/sequence_accuracy"]
    best = max(point.value for point in points)
    first = next(point.step for point in points if point.value == best)
    assert made.metrics["best/val_sequence_accuracy"] == best
    assert made.metrics["best/step"] == first == find_model(made.run_id).step
    losses = {p.step: p.value for p in read_history(made.folder.metrics)["val/loss"]}
    assert made.metrics["best/val_loss"] == losses[first] != min(losses.values())


def test_the_description_tells_its_best() -> None:
    session, folder = Session(compose(TAGS)), RunFolder.create("outputs", {}, compose(TAGS))
    told = description(session, folder, Best(0.94, 18, -0.5))
    unit = session.loss_unit
    assert f"**Best val/sequence_accuracy 0.5**, with held-out loss 0.9400 {unit}, after" in told
    assert "Best held-out loss" not in told
    plain = Session(compose([*TAGS[:-1]]))
    assert "**Best held-out loss 0.9400** nats" in description(plain, folder, Best(0.94, 18, 0.94))


def test_it_decides_patience() -> None:
    made = run("patience=2", "steps=400")
    points = read_history(made.folder.metrics)["val/sequence_accuracy"]
    values = [point.value for point in points]
    assert len(values) < 100
    best = values.index(max(values))
    assert best == len(values) - 3


def test_it_is_what_a_sweep_prunes_by() -> None:
    costs: dict[int, float] = {}

    def note(step: int, cost: float) -> bool:
        costs[step] = cost
        return False

    config = compose([*TAGS, "steps=12", "eval_every=4"])
    made = train(config, Silent(), should_prune=note)
    points = read_history(made.folder.metrics)["val/sequence_accuracy"]
    assert costs == {point.step: -point.value for point in points}


def test_runs_are_compared_by_it_and_its_direction() -> None:
    runs = [run(f"optimizer.learning_rate={rate}") for rate in (0.0001, 0.05)]
    found = compare([made.run_id for made in runs])
    assert found.metric == "best/val_sequence_accuracy" and found.higher_is_better
    values = [made.metrics["best/val_sequence_accuracy"] for made in runs]
    assert [found.value(one) for one in found.runs] == sorted(values, reverse=True)
    assert compare([runs[0].run_id], "final/val_accuracy").higher_is_better
    other = train(compose([*SMALL, "dataset=tags", "steps=2"]), Silent())
    assert compare([runs[0].run_id, other.run_id]).metric == "best/val_loss"


def test_a_sweep_is_ranked_by_it() -> None:
    fields = {"monitor": "val/accuracy", "higher_is_better": ["accuracy"]}
    results = [
        JobResult(job, [], "FINISHED").with_metrics(fields, metrics)
        for job, metrics in enumerate(
            [
                {"best/val_loss": 0.1, "best/val_accuracy": 0.5},
                {"best/val_loss": 0.4, "best/val_accuracy": 0.9},
                {},
                {"best/val_loss": 0.2, "best/val_accuracy": math.nan},
            ]
        )
    ]
    assert [result.job for result in rank_results(results)] == [1, 0, 2, 3]
    assert (results[1].best, results[1].cost, results[1].goal) == (0.9, -0.9, "best/val_accuracy")
    lower = JobResult(0, [], "FINISHED").with_metrics(
        {"monitor": "val/mae", "higher_is_better": ["r2"]}, {"best/val_mae": 2.0}
    )
    assert lower.cost == 2.0
    plain = JobResult(0, [], "FINISHED").with_metrics({}, {"best/val_loss": 0.3})
    assert (plain.best, plain.cost, plain.goal) == (0.3, 0.3, "best/val_loss")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["dataset=tags", "monitor=val/acuracy"], "did you mean val/accuracy?"),
        (["dataset=tags", "monitor=val/mse"], "choose from val/loss, val/accuracy, val/sequence"),
        (["monitor=val/accuracy"], "choose from val/loss, val/bits_per_char"),
        (["dataset.val_fraction=0", "monitor=val/bits_per_char"], "nothing is held out"),
    ],
)
def test_an_unknown_one_is_refused_with_the_choices(overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as found:
        Session(compose([*SMALL, *overrides]))
    assert told in str(found.value) and "\n" not in str(found.value)


def test_an_undefined_value_is_never_the_best() -> None:
    monitor, progress = Monitor("val/r2", True), Progress()
    assert math.isnan(monitored(monitor, {"loss": 1.0}))
    assert not progress.evaluated(1.0, 4, monitored(monitor, {"loss": 1.0}))
    assert progress.evaluated(2.0, 8, monitored(monitor, {"loss": 2.0, "r2": 0.1}))
    assert (progress.best_val_loss, progress.best_step, progress.best_cost) == (2.0, 8, -0.1)


def test_the_progress_of_an_earlier_checkpoint_had_the_loss_monitored() -> None:
    progress = Progress()
    progress.evaluated(1.5, 4)
    state = progress.state()
    del state["best_cost"]
    assert Progress.from_state(state).best_cost == 1.5


def test_a_schedule_follows_it_and_knows_which_way_is_better() -> None:
    own = ["schedule=plateau", "schedule.patience=0", "schedule.threshold=0"]
    made = run(*own, "log_every=1")
    history = read_history(made.folder.metrics)
    values = {p.step: p.value for p in history["val/sequence_accuracy"]}
    best, factor, expected = -math.inf, 1.0, {}
    for step in range(1, 41):
        expected[step] = 0.05 * factor
        if step in values:
            best, factor = (values[step], factor) if values[step] > best else (best, factor / 2)
    assert {p.step: p.value for p in history["lr"]} == pytest.approx(expected)
    assert values[8] > values[4]  # by the wrong direction the rate would fall here
    assert expected[9] == 0.05 > expected[40]


def test_accumulated_batches_weigh_by_the_weights_of_their_targets() -> None:
    own = [*SMALL, "dataset=tags", "dtype=float64", "backend=numpy", "clipper=none"]

    def session(*more: str) -> Session:
        return Session(compose([*own, *more]))

    drawn = session()
    parts = [drawn.batches.next() for _ in range(3)]
    weights = [part.total_weight for part in parts]
    assert len(set(weights)) > 1
    losses = [session()._gradients(part).loss for part in parts]
    together = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
    assert session("accumulate=3").step() == pytest.approx(together, rel=1e-12)
