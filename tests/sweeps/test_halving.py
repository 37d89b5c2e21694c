"""Successive halving: which jobs go on from a rung, in a grid and in a search."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from single_sweep import only_sweep, results, statuses
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.errors import ConfigError
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.halving import begin_halving, goes_on, halving_rule, rung
from rnnx.sweeps.study import PRUNED

ASHA = ["hydra.sweeper.pruner=asha", "hydra.sweeper.factor=2"]
RATES = ["0.01", "0.02", "0.03", "1e-07", "1e-08", "1e-09"]


def sweep(names: Path, *more: str, outputs: str = "outputs") -> int:
    own = ["hydra/launcher=basic", "eval_every=2", f"outputs={outputs}"]
    rates = f"optimizer.learning_rate={','.join(RATES)}"
    return main([*tiny(names), *own, rates, *more], multirun=True)


@given(st.integers(0, 10**6), st.integers(1, 1000), st.integers(2, 10))
def test_the_rungs_are_a_factor_apart(step: int, first: int, factor: int) -> None:
    rungs = [first * factor**place for place in range(25)]
    assert rung(step, first, factor) == max((r for r in rungs if r <= step), default=0)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20), st.integers(2, 5))
def test_the_best_part_of_a_rung_goes_on(losses: list[float], factor: int) -> None:
    finite = [loss for loss in losses if loss not in (float("inf"), float("-inf"))]
    for loss in finite:
        better = sum(other < loss for other in losses)
        assert goes_on(loss, losses, factor) == (better < max(1, len(losses) // factor))
    assert not goes_on(float("inf"), losses, factor)


def test_a_job_is_compared_with_those_that_were_there_before(tmp_path: Path) -> None:
    made = Sweep.open(str(tmp_path), ["seed=0,1"], ["seed"], anew=False)
    begin_halving(made, {"pruner": "asha", "min_steps": None, "factor": 2}, eval_every=10)
    one, two, three, four = (halving_rule(made, job) for job in "abcd")
    assert not one(10, 3.0)  # nothing to be compared with
    assert two(10, 3.5)
    assert not three(9, 9.0)  # before the first rung
    assert not three(10, 2.0)
    assert not one(15, 9.0)  # between two rungs
    assert not one(20, 2.5) and four(20, 2.6)
    again = halving_rule(made, "a")  # in another process, after a kill
    assert not again(10, 3.0) and not again(20, 2.5)
    assert halving_rule(made, "e")(20, float("inf"))
    (made.path / "rungs/20/x.json").write_text('{"loss": "2"}')  # damaged
    assert not halving_rule(made, "f")(20, 2.5)


def test_a_grid_ends_its_worse_jobs_early_and_another_sweep_goes_on_with_them(names: Path) -> None:
    assert sweep(names, *ASHA) == 0
    ended = {r.overrides[-1].partition("=")[2]: r for r in results()}
    pruned = [rate for rate in RATES if ended[rate].reason == PRUNED]
    assert statuses() == ["FINISHED"] * 6
    assert pruned and set(pruned) <= set(RATES[3:])
    folders = {rate: RunFolder(Path("outputs") / ended[rate].run_id) for rate in RATES}
    assert [rate for rate in RATES if folders[rate].read()["pruned"]] == pruned
    assert all(folders[rate].read()["steps"] in (2, 4, 8) for rate in pruned)
    assert {p.name for p in (only_sweep().path / "rungs").iterdir()} <= {"2", "4", "8"}

    assert sweep(names, *ASHA) == 0  # the same sweep: nothing is left
    assert statuses() == ["SKIPPED"] * 6
    assert [r.reason == PRUNED for r in results()] == [rate in pruned for rate in RATES]

    assert sweep(names) == 0  # without the pruner they train to their end
    assert len(runs_in(Path("outputs"))) == 6
    assert [folders[rate].read()["steps"] for rate in pruned] == [12] * len(pruned)
    assert not any(folders[rate].read()["pruned"] for rate in RATES)
    sweep(names, f"optimizer.learning_rate={pruned[0]},0.5", outputs="fresh")
    kept = ("val/loss", "final/train_loss", "best/val_loss")
    fresh = [f for f in runs_in(Path("fresh")) if pruned[0] in f.read()["name"]]
    for key in kept:
        assert fresh[0].read()["metrics"][key] == folders[pruned[0]].read()["metrics"][key]


def test_a_search_is_halved_in_the_same_way(names: Path) -> None:
    own = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=8", "hydra.sweeper.sampler=random"]
    assert sweep(names, *own, *ASHA) == 0
    assert statuses() == ["FINISHED"] * len(RATES)  # of 8 trials: no value is tried twice
    assert any(result.reason == PRUNED for result in results())
    assert list((only_sweep().path / "rungs" / "2").glob("*.json"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["hydra.sweeper.pruner=median"], "choose from none, asha; a search"),
        (["hydra.sweeper.pruner=ahsa"], "choose from none, asha"),
        ([*ASHA, "hydra.sweeper.factor=1"], "hydra.sweeper.factor=1: must be a whole number of"),
        ([*ASHA, "hydra.sweeper.min_steps=0"], "hydra.sweeper.min_steps=0: must be null or"),
        ([*ASHA, "hydra.sweeper.min_steps=12"], "measured at no rung before their end"),
        ([*ASHA, "eval_every=0"], "measured at no rung before their end"),
        ([*ASHA, "steps=12,2"], "jobs of steps=2 with eval_every=2 are measured at no rung"),
    ],
)
def test_a_wrong_setting_starts_nothing(typed: list[str], said: str, names: Path) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        sweep(names, *typed)
    assert "\n" not in str(error.value) and not Path("outputs").exists()


def test_a_recipe_may_halve(names: Path) -> None:
    Path("own/sweep").mkdir(parents=True)
    values = {"params": {"seed": "0,1"}, "pruner": "asha", "min_steps": 4, "factor": 3}
    text = f"# @package _global_\nhydra: {json.dumps({'sweeper': values})}\n"
    Path("own/sweep/halved.yaml").write_text(text)
    own = ["hydra/launcher=basic", "hydra.searchpath=[own]", "sweep=halved"]
    assert main([*tiny(names), *own], multirun=True) == 0
    known = only_sweep().read()
    assert (known["pruner"], known["min_steps"], known["factor"]) == ("asha", 4, 3)
    assert {path.name for path in (only_sweep().path / "rungs").iterdir()} == {"4", "12"}
    assert not any(result.reason for result in results())  # at its last step a run has ended
