"""What the driver knows of earlier runs: which jobs it skips without a process."""

from pathlib import Path

import pytest
from single_sweep import only_sweep, results
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.config.compose import compose
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import RunLock
from rnnx.sweeps.job import skip_finished
from rnnx.sweeps.records import Records


@pytest.fixture
def finished(names: Path) -> RunFolder:
    own = ["hydra/launcher=basic", "steps=1", "seed=0,1"]
    assert main([*tiny(names), *own], multirun=True) == 0
    (found,) = (run for run in runs_in(Path("outputs")) if run.read()["seed"] == 1)
    return found


def skips(names: Path, *more: str) -> bool:
    only_sweep().clear()
    values = compose([*tiny(names), "steps=1", "seed=1", *more])
    return skip_finished(values, ["seed=1"], 1, only_sweep(), Records("outputs"))


def test_a_finished_job_is_skipped_as_its_own_process_would(
    names: Path, finished: RunFolder
) -> None:
    main([*tiny(names), "hydra/launcher=basic", "steps=1", "seed=0,1"], multirun=True)
    by_process = results()[1]
    assert skips(names)
    (result,) = results()
    assert result._replace(seconds=0, overrides=[]) == by_process._replace(seconds=0, overrides=[])
    assert (result.status, result.reason) == ("SKIPPED", "had finished before")
    assert result.run_id == finished.id


def test_what_has_to_be_looked_at_is_left_to_a_process(names: Path, finished: RunFolder) -> None:
    assert not skips(names, "sweep.rerun=all")
    assert not skips(names, "layers=2")
    with RunLock(finished):
        assert not skips(names)
    finished.write({"pruned": True})
    assert not skips(names)
    finished.write({"pruned": False, "sources": {"rnnx": "of another code"}})
    assert not skips(names)
    finished.write({"status": "KILLED"})
    assert not skips(names)
    assert results() == []


def test_a_job_of_several_batches_an_update_has_a_shape_of_its_own(
    names: Path, finished: RunFolder
) -> None:
    records = Records("outputs")
    assert records.estimate(compose([*tiny(names), "steps=1"])) is not None
    assert records.estimate(compose([*tiny(names), "steps=1", "accumulate=3"])) is None
    fields = finished.read()
    told = {k: v for k, v in fields["told"]["params"].items() if k != "accumulate"}
    assert len(told) < len(fields["told"]["params"])
    for run in runs_in(Path("outputs")):
        run.write({"told": {**fields["told"], "params": told}})  # as an earlier version
    records = Records("outputs")
    assert records.estimate(compose([*tiny(names), "steps=1"])) is not None


def test_a_job_on_other_data_is_left_to_a_process(names: Path, finished: RunFolder) -> None:
    names.write_text(names.read_text() + "new\n")
    assert not skips(names)
    names.unlink()
    assert not skips(names)
