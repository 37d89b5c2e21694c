"""--dry-run: the jobs of a sweep and their time, and nothing else."""

import json
from pathlib import Path

import pytest
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.errors import ConfigError, DataError
from rnnx.runs.folder import runs_in


def listed(names: Path, capsys: pytest.CaptureFixture[str], *typed: str) -> list[list[str]]:
    """The cells of the lines that a dry run prints."""
    capsys.readouterr()
    assert main([*tiny(names), *typed], multirun=True, dry_run=True) == 0
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def files() -> list[Path]:
    """What is in the working folder, without the cache that all of rnnx's commands share."""
    return sorted(path for path in Path().rglob("*") if path.parts[0] != "cache")


def test_a_dry_run_lists_the_jobs_and_writes_nothing(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("恐.txt").write_text("ab\ncd\n" * 9)
    before = files()
    space = ("cell=lstm,gru", "when(cell=lstm, cell.forget_bias=0,1)", "seed=4,4")
    assert listed(names, capsys, *space, "dataset.path=恐.txt") == [
        ["1", "cell=lstm seed=4 cell.forget_bias=0", "", "—"],
        ["2", "cell=lstm seed=4 cell.forget_bias=1", "", "—"],
        ["3", "cell=gru seed=4", "", "—"],
        ["3 combinations equal earlier ones and are left out"],
        ["3 jobs; no finished run is of the same shape, so how long they take is unknown"],
    ]
    assert files() == before


def test_the_time_is_that_of_finished_runs_of_the_same_shape(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*tiny(names), "hydra/launcher=basic", "seed=0,1"], multirun=True)
    for folder, seconds in zip(runs_in(Path("outputs")), (60, 180), strict=True):
        metrics = {**folder.read()["metrics"], "final/seconds": float(seconds)}
        folder.write({"ended": folder.read()["started"] + seconds, "metrics": metrics})
        assert folder.read()["steps"] == 12
    (one, other) = runs_in(Path("outputs"))
    more = ("seed=0,1,2", "optimizer.learning_rate=0.01,0.02", "steps=12,24", "jobs=1")
    rows = listed(names, capsys, *more)
    assert [row[1:] for row in rows[:2]] == [
        ["seed=0 optimizer.learning_rate=0.01 steps=12", "", "2.0 min"],
        ["seed=0 optimizer.learning_rate=0.01 steps=24", "", "4.0 min"],
    ]
    said = (
        "12 jobs; about 36.0 min with 1 at once (estimated from 2 finished runs of the same shape)"
    )
    assert rows[-1] == [said]
    rows = listed(names, capsys, "seed=0,1,2", "jobs=3")
    assert [row[2:] for row in rows[:3]] == [["finished", ""], ["finished", ""], ["", "2.0 min"]]
    assert rows[-1][0].startswith("3 jobs, 2 finished before; about 2.0 min with 1 at once")
    one.write({"status": "KILLED"})
    other.write({"pruned": True})
    rows = listed(names, capsys, "seed=0,1", "cell.hidden_size=8,9")
    assert [row[2] for row in rows[:4]] == ["goes on", "", "goes on", ""]
    assert rows[-1][0].endswith("of the same shape; there is none for 2 more)")


def test_what_a_run_takes_whatever_its_steps_are_is_counted_once(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*tiny(names, "steps=2"), "hydra/launcher=basic", "seed=0,1"], multirun=True)
    short, other = runs_in(Path("outputs"))
    for folder in (short, other):
        metrics = {**folder.read()["metrics"], "final/seconds": 0.2}
        folder.write({"ended": folder.read()["started"] + 10.2, "metrics": metrics})
    rows = listed(names, capsys, "seed=0,1", "steps=2000")
    assert rows[0][2:] == ["", "3.5 min"]  # 10 s, and 0.1 s a step
    # A longer run knows a step's share of evaluations: 0.2 s.
    metrics = {**other.read()["metrics"], "final/seconds": 100.0}
    other.write({"ended": other.read()["started"] + 210.0, "steps": 1000, "metrics": metrics})
    assert listed(names, capsys, "seed=0,1", "steps=2000")[0][2:] == ["", "6.8 min"]


def test_a_sweep_on_data_that_is_not_there_is_refused(names: Path) -> None:
    for typed in (("batch_size=4,4000",), ("dataset.path=away.txt", "seed=0,1")):
        for dry_run in (True, False):
            with pytest.raises(DataError, match=r"is larger than|no such file"):
                main([*tiny(names), *typed], multirun=True, dry_run=dry_run)
    assert not Path("outputs").exists()


def test_where_all_is_done_nothing_is_left(names: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*tiny(names), "hydra/launcher=basic", "steps=1", "seed=0,1"], multirun=True)
    rows = listed(names, capsys, "steps=1", "seed=0,1")
    assert rows[-1] == ["2 jobs, 2 finished before; nothing is left to train"]
    Path(names).write_text("ab\ncd\nef\ngh\n" * 2)  # other data
    assert listed(names, capsys, "steps=1", "seed=0,1")[0][2] == ""


def test_a_damaged_run_is_no_time(names: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"params": {"steps": "x", "patience": "0"}}
    for number, fields in enumerate(
        [[], {"config_hash": 3}, {"status": "FINISHED", "told": told, "started": "x", "ended": 3}]
    ):
        Path(f"outputs/{number}").mkdir(parents=True)
        Path(f"outputs/{number}/run.json").write_text(json.dumps(fields))
    assert listed(names, capsys, "seed=0,1")[-1][0].startswith("2 jobs; no finished run")


def test_what_has_no_list_of_jobs_is_refused(names: Path) -> None:
    with pytest.raises(ConfigError, match="--dry-run: lists the jobs of a sweep; add -m"):
        main(tiny(names), dry_run=True)
    search = [*tiny(names), "hydra/sweeper=optuna", "seed=range(0,9)"]
    with pytest.raises(ConfigError, match="--dry-run: this sweeper proposes its jobs"):
        main(search, multirun=True, dry_run=True)
