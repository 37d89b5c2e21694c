"""Searches in this process: what Optuna proposes, learns and remembers."""

import sys
from pathlib import Path

import pytest
from single_sweep import lose, only_sweep, results
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.errors import ConfigError, DataError, InputError
from rnnx.runs.folder import runs_in
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.study import PRUNED, pruning_rule

OPTUNA = ["hydra/launcher=basic", "hydra/sweeper=optuna"]
RATE = "optimizer.learning_rate=tag(log, interval(1e-3, 1e-1))"


def search(names: Path, *more: str, n_trials: int = 4) -> int:
    own = [*OPTUNA, f"hydra.sweeper.n_trials={n_trials}"]
    return main([*tiny(names), *own, *more], multirun=True)


def value(result: JobResult, key: str) -> str:
    return dict(pair.split("=") for pair in result.overrides)[key]


def test_a_search_is_resumed_with_what_it_knows(names: Path) -> None:
    space = [RATE, "cell=vanilla,gru", "batch_size=range(2,9,3)", "cell.hidden_size=interval(4,6)"]
    assert search(names, *space) == 0
    first = results()
    assert [result.status for result in first] == ["FINISHED"] * 4
    for result in first:
        assert 1e-3 <= float(value(result, "optimizer.learning_rate")) <= 1e-1
        assert value(result, "cell") in ("vanilla", "gru")
        assert value(result, "batch_size") in ("2", "5", "8")
        assert value(result, "cell.hidden_size") in ("4", "5", "6")
    assert search(names, *space) == 0  # all four are done
    assert results() == first
    assert search(names, *space, n_trials=6) == 0
    assert results()[:4] == first and len(results()) == 6
    assert (only_sweep().artifacts / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_equal_seeds_try_equal_values(names: Path) -> None:
    tried = []
    for outputs in ("one", "two"):
        search(names, RATE, f"outputs={outputs}")
        folders = sorted(runs_in(Path(outputs)), key=lambda f: f.read()["job"])
        tried.append([f.read()["name"] for f in folders])
    assert tried[0] == tried[1] and len(set(tried[0])) == 4


def test_a_failed_trial_does_not_affect_the_others(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(Path(f"{names}.away"), monkeypatch)
    path = f"dataset.path={names},{names}.away"
    assert search(names, RATE, path, n_trials=6) == 1
    found = results()
    failed = [o for o in found[1:] if value(o, "dataset.path").endswith("away")]
    assert 0 < len(failed) < 6
    assert {o.status for o in failed} == {"FAILED"}
    assert {o.status for o in found if o not in failed} == {"FINISHED"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("dataset.path={names},{names}.away", "names.txt.away: there is no such file"),
        ("batch_size=4,4000", "batch_size=4000: is larger than the training data of"),
    ],
)
def test_data_that_no_job_can_train_on_is_refused(wrong: str, said: str, names: Path) -> None:
    with pytest.raises(DataError, match=said):
        search(names, RATE, wrong.format(names=names))
    assert not Path("outputs").exists()


def test_what_was_stopped_is_tried_first(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnx.training.session import Session

    update, stopping = Session.update, [True]

    def stopped(self: Session) -> float:
        if stopping and self.steps == 5:
            stopping.pop()
            raise KeyboardInterrupt
        return update(self)

    monkeypatch.setattr(Session, "update", stopped)
    search(names, RATE, n_trials=2)
    assert [o.status for o in results()] == ["KILLED", "FINISHED"]
    lost = value(results()[0], "optimizer.learning_rate")
    assert search(names, RATE, n_trials=2) == 0
    again = results()[-1]
    assert (value(again, "optimizer.learning_rate"), again.status) == (lost, "FINISHED")
    assert [o.status for o in results()] == ["FINISHED"] * 2  # the stopped job gave way to it


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_that_is_continued_draws_new_values(sampler: str, names: Path) -> None:
    own = (RATE, f"hydra.sweeper.sampler={sampler}", "steps=1")
    for n_trials in (2, 4, 6):
        assert search(names, *own, n_trials=n_trials) == 0
    assert [o.status for o in results()] == ["FINISHED"] * 6
    assert len({value(o, "optimizer.learning_rate") for o in results()}) == 6


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_draws_no_values_twice_and_ends_where_there_are_no_others(
    sampler: str, names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ("cell=vanilla,gru", "layers=1,2", f"hydra.sweeper.sampler={sampler}", "steps=1")
    assert search(names, *own, n_trials=3) == 0
    assert "found no values" not in capsys.readouterr().err
    assert search(names, *own, n_trials=9) == 0
    drawn = [(value(o, "cell"), value(o, "layers")) for o in results()]
    assert len(drawn) == 4 == len({*drawn})
    said = "found no values that the search has not tried: it ends after 4 of 9 trials"
    assert said in capsys.readouterr().err


def test_the_exit_code_is_that_of_the_jobs_of_now(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"dataset.path={names},{names}.away"
    with monkeypatch.context() as patched:
        lose(Path(f"{names}.away"), patched)
        assert search(names, RATE, path, n_trials=6) == 1
    assert "FAILED" in [o.status for o in results()]
    Path(f"{names}.away").write_text(names.read_text())
    assert search(names, RATE, path, n_trials=7) == 0


def test_a_trial_worse_than_the_others_is_pruned(names: Path) -> None:
    rates = "optimizer.learning_rate=0.01,0.02,0.03,0.04,0.05,0.000001"
    assert search(names, rates, "eval_every=2", "hydra.sweeper.sampler=random", n_trials=16) == 0
    pruned = {o.run_id for o in results() if o.reason == PRUNED}
    slow = [o for o in results() if float(value(o, "optimizer.learning_rate")) < 1e-5]
    assert pruned & {o.run_id for o in slow}
    for folder in runs_in(Path("outputs")):
        assert folder.read()["status"] == "FINISHED"


def test_a_sweep_without_a_pruner_prunes_nothing(tmp_path: Path) -> None:
    made = Sweep.open(str(tmp_path), ["seed=0,1"], ["seed"], anew=False)
    assert pruning_rule(made, 0, {}) is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "hydra.sweeper.n_trials=0",
            "hydra.sweeper.n_trials=0: must be a whole number of at least 1",
        ),
        ("hydra.sweeper.sampler=best", "hydra.sweeper.sampler=best: choose from tpe, random"),
        (
            "hydra.sweeper.pruner=axe",
            "hydra.sweeper.pruner=axe: choose from median, hyperband, asha",
        ),
        ("cell.hidden_size=interval(9,2)", "the first end must be below the second"),
        ("optimizer.learning_rate=tag(log, interval(0, 1))", "above 0"),
        ("cell.hidden_size=interval(0,2)", "cell.hidden_size=0: must be at least 1"),
    ],
)
def test_bad_input_starts_nothing(override: str, said: str, names: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        search(names, "dropout=interval(0.1,0.5)", override)
    assert isinstance(caught.value, InputError)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("outputs").exists()


def test_a_grid_has_no_intervals(names: Path) -> None:
    with pytest.raises(ConfigError, match="search in it with hydra/sweeper=optuna"):
        main([*tiny(names), RATE], multirun=True)
    assert not Path("outputs").exists()


def test_optuna_is_an_extra(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"optuna is not installed; pip install optuna"):
        search(names, RATE)
