"""Sweeps in this process: hydra/launcher=basic, and what goes before any launcher."""

import os
import signal
from pathlib import Path

import pytest
from single_sweep import lose, only_sweep, statuses
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.errors import ConfigError, InputError, RunBusy, StoreError, UnknownComponent
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import RunLock
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.orphans import end_abandoned
from rnnx.sweeps.ranking import rank_results, ranking, result_line
from rnnx.system.signals import Stop

SERIAL = "hydra/launcher=basic"


def sweep(names: Path, *more: str) -> int:
    return main([*tiny(names), SERIAL, *more], multirun=True)


@pytest.mark.usefixtures("figures")
def test_the_same_command_again_runs_nothing(names: Path) -> None:
    assert sweep(names, "seed=0,1") == 0
    assert statuses() == ["FINISHED"] * 2
    assert "data:image/png" in (only_sweep().path / "comparison.html").read_text("utf-8")
    before = {folder.id for folder in runs_in(Path("outputs"))}
    assert sweep(names, "seed=0,1") == 0
    assert statuses() == ["SKIPPED"] * 2
    assert {folder.id for folder in runs_in(Path("outputs"))} == before
    assert sweep(names, "seed=0,1,2") == 0  # another sweep, which has one job more
    assert len(runs_in(Path("outputs"))) == 3


def test_a_grid_in_batches_numbers_its_jobs_on(names: Path) -> None:
    assert sweep(names, "seed=0,1,2", "hydra.sweeper.max_batch_size=2") == 0
    assert [(o.job, *only_sweep().swept(o.overrides).values()) for o in only_sweep().results()] == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
    ]
    assert (only_sweep().path / "hydra" / "multirun.yaml").is_file()


NUMBERED = ["${hydra.job.num}", "${hydra:job.num}", "${hydra.job.id}", "${now:j}${hydra.job.num}"]


@pytest.mark.parametrize("subdir", NUMBERED)
def test_a_job_s_own_folder_of_hydra_s(subdir: str, names: Path) -> None:
    assert sweep(names, "seed=0,1", f"hydra.sweep.subdir={subdir}") == 0
    made = [path.name for path in (only_sweep().path / "hydra").iterdir() if path.is_dir()]
    assert sorted(name.removeprefix("j") for name in made) == ["0", "1"]


@pytest.mark.usefixtures("default_store")
def test_a_job_s_folder_named_after_its_overrides(names: Path) -> None:
    named = "hydra.sweep.subdir=${hydra.job.num}_${hydra.job.override_dirname}"
    typed = [*tiny(names), "seed=0,1", named, "tracker.experiment=${x}"]
    assert main([text for text in typed if text != "tracker=none"], multirun=True) == 0
    assert statuses() == ["FINISHED"] * 2


def test_a_recipe_by_its_name(names: Path) -> None:
    assert sweep(names, "sweep=clippers", "seed=0", "steps=2") == 0
    found = only_sweep()
    assert found.read()["swept"] == ["clipper"]  # the seed of the command line takes precedence
    assert [found.name(o.overrides) for o in found.results()] == [
        "clipper=none",
        "clipper=value",
        "clipper=global_norm",
        "clipper=per_layer",
        "clipper=adaptive",
        "clipper=quantile",
    ]


def test_a_recipe_in_a_folder_of_ones_own(names: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "sweep").mkdir(parents=True)
    params = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      smoothing: 0.5,0.9\n"
    (tmp_path / "own" / "sweep" / "sizes.yaml").write_text(params)
    assert sweep(names, f"hydra.searchpath=[file://{tmp_path}/own]", "sweep=sizes") == 0
    assert statuses() == ["FINISHED"] * 2


def test_a_recipe_of_a_sweep_wants_a_sweep(names: Path) -> None:
    with pytest.raises(ConfigError, match="sweep=seeds: is a set of values to sweep; add -m"):
        main([*tiny(names), "sweep=seeds"])


def test_rerun_all_begins_a_new_sweep(names: Path) -> None:
    sweep(names, "seed=0,1")
    assert sweep(names, "seed=0,1", "sweep.rerun=all") == 0
    assert len(runs_in(Path("outputs"))) == 4
    assert len(list(Path("outputs/sweeps").glob("*/sweep.json"))) == 2


def test_a_job_that_raises_or_diverges_does_not_affect_the_others(
    names: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other.txt"
    command = [f"dataset.path={names},{other}", "optimizer.learning_rate=0.01,1e38"]
    with monkeypatch.context() as patched:
        lose(other, patched)
        assert sweep(names, *command) == 1
    assert statuses() == ["FINISHED", "FAILED", "FAILED", "FAILED"]
    assert "the loss is nan" in only_sweep().results()[1].reason
    reason = only_sweep().results()[2].reason
    assert str(other) in reason and "\n" not in reason
    assert f"DataError: dataset.path={other}" in only_sweep().log_file(2).read_text()
    assert "Traceback" in only_sweep().log_file(2).read_text()
    table = capsys.readouterr().out
    assert reason in table and "1 finished, 3 failed" in table

    other.write_text(names.read_text())
    assert sweep(names, *command, "sweep.rerun=failed") == 1
    assert statuses() == ["SKIPPED", "FAILED", "FINISHED", "FAILED"]


def test_what_failed_alone_is_run_again(names: Path) -> None:
    sweep(names, "seed=0,1")
    first, second = runs_in(Path("outputs"))
    first.write({"status": "FAILED"})
    second.write({"status": "KILLED"})
    assert sweep(names, "seed=0,1", "sweep.rerun=failed") == 0
    found = {result.run_id: result for result in only_sweep().results()}
    assert found[first.id].status == "FINISHED"
    assert (found[second.id].status, found[second.id].reason) == ("SKIPPED", "had not failed")


def test_a_failed_run_holds_its_traceback(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError("of ours")

    with monkeypatch.context() as patched:
        patched.setattr("rnnx.training.session.Session.update", broken)
        assert sweep(names, "seed=0,1") == 1
    for folder in runs_in(Path("outputs")):
        assert "ZeroDivisionError: of ours" in (folder.path / "traceback.txt").read_text()
    assert [result.reason for result in only_sweep().results()] == [
        "ZeroDivisionError: of ours"
    ] * 2
    assert sweep(names, "seed=0,1") == 0
    assert statuses() == ["FINISHED"] * 2
    assert len(runs_in(Path("outputs"))) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_serial_sweep(
    number: int, code: int, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx.training.session import Session

    update = Session.update

    def stopped(self: Session) -> None:
        update(self)
        if self.steps == 5 and self.settings.seed == 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patched:
        patched.setattr(Session, "update", stopped)
        assert sweep(names, "seed=0,1,2") == code
    assert statuses() == ["FINISHED", "KILLED"]
    assert sweep(names, "seed=0,1,2") == 0
    assert statuses() == ["SKIPPED", "FINISHED", "FINISHED"]
    assert len(runs_in(Path("outputs"))) == 3


def test_a_stop_inside_another() -> None:
    with Stop() as outer:
        with Stop() as inner:
            os.kill(os.getpid(), signal.SIGTERM)
            assert (inner.signal, outer.signal) == (signal.SIGTERM, 0)
        assert outer.signal == signal.SIGTERM
        with Stop() as late:
            assert late.signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("override", "kind", "said"),
    [
        ("jobs=0", ConfigError, "jobs=0: must be at least 1"),
        ("bogus=1,2", ConfigError, "bogus: there is no such key"),
        ("cell=vanilla,lst", UnknownComponent, "did you mean lstm?"),
        ("optimizer.learning_rate=0.1,abc", ConfigError, "learning_rate=abc"),
        ("steps=range(0,0)", ConfigError, "steps=range(0,0): has no values"),
        ("sweep.rerun=some", ConfigError, "sweep.rerun"),
        ("hydra.sweeper.max_batch_size=0", ConfigError, "max_batch_size=0: must be at least 1"),
        ("sweep=bogus", ConfigError, "sweep=bogus: there is no such sweep; choose from blocks"),
        ("cell.forget_bias=1,2 cell=lstm,gru", ConfigError, "cell.forget_bias: there is no such"),
    ],
)
def test_bad_input_starts_nothing(
    override: str, kind: type[Exception], said: str, names: Path
) -> None:
    with pytest.raises(kind) as caught:
        sweep(names, *override.split(), "seed=0,1")
    assert isinstance(caught.value, InputError)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("outputs").exists()


def test_an_empty_sweep(names: Path) -> None:
    with pytest.raises(ConfigError, match="no key has several values"):
        sweep(names)
    assert not Path("outputs").exists()


def test_a_store_that_is_away_leaves_nothing(names: Path) -> None:
    away = "tracker.uri=sqlite:////nowhere/at/all.db"
    with pytest.raises(StoreError, match="there is no folder /nowhere/at"):
        sweep(names, "tracker=mlflow", away, "seed=0,1")
    assert not list(Path("outputs").rglob("*.json"))


def test_a_second_driver_is_refused(names: Path) -> None:
    sweep(names, "seed=0,1")
    other = Sweep(only_sweep().path)
    with RunLock(other, "sweep"), pytest.raises(RunBusy, match=f"process {os.getpid()} on "):
        sweep(names, "seed=0,1")
    assert statuses() == ["FINISHED"] * 2  # what was there is whole


def test_a_job_that_never_got_a_run_of_the_trackers(names: Path) -> None:
    sweep(names, "seed=0,1")
    about = {"sweep": only_sweep().id, "job": 0}
    folder = RunFolder.create("outputs", about, {"tracker": {"name": "none"}})
    end_abandoned(only_sweep(), "outputs")
    assert folder.read()["status"] == "KILLED"


def test_the_ranking() -> None:
    nan, none = JobResult(0, [], "FAILED", "why", "", float("nan")), JobResult(1, [], "FAILED")
    good, better = (
        JobResult(2, [], "FINISHED", "", "a" * 32, 2.0),
        JobResult(3, [], "KILLED", "", "", 1.0),
    )
    assert [o.job for o in rank_results([nan, none, good, better])] == [3, 2, 0, 1]


def test_a_job_that_explodes_has_a_short_loss(tmp_path: Path) -> None:
    result = JobResult(0, ["seed=0"], "FINISHED", "", "a" * 32, 3.306974e30)
    sweep = Sweep(tmp_path)
    sweep.write({"swept": ["seed"]})
    (tmp_path / "jobs").mkdir()
    sweep.store_result(result)
    assert "3.307e+30" in result_line(sweep, result)
    assert ranking(sweep).rows[0][3] == "3.307e+30"


def test_a_line_names_the_job(tmp_path: Path) -> None:
    made = Sweep.open(str(tmp_path), ["seed=0,1", "steps=3"], ["seed"], anew=False)
    result = JobResult(1, ["seed=1", "steps=3"], "FAILED", "no file", "", None, 2.0)
    assert result_line(made, result, 2) == "job 2 of 2 · seed=1 · FAILED · 2.0 s · no file"
    made.store_result(result)
    assert ranking(made).rows == [("1", "seed=1", "FAILED", "—", "2.0", "—", "no file")]
