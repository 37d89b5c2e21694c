"""A run whose folder is gone comes back from its store as the run that it was."""

import shutil
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.comparison.compare import compare
from rnnx.config.identity import Identity, group_of
from rnnx.runs.find import find_run


@pytest.mark.usefixtures("default_store")
def test_a_fetched_run_has_its_identity_and_its_group(names: Path) -> None:
    runs = [rnnx.train(tiny(names, "tracker=mlflow", f"seed={seed}")) for seed in (0, 1)]
    before, samples = runs[0].folder.read(), runs[0].folder.samples.read_text("utf-8")
    shutil.rmtree(runs[0].folder.path)
    folder = find_run(runs[0].run_id)
    assert folder.samples.read_text("utf-8") == samples
    after = folder.read()
    assert {key: after[key] for key in Identity._fields} == {
        key: before[key] for key in Identity._fields
    }
    assert group_of(after) == group_of(before)
    (group,) = compare([run.run_id for run in runs]).groups
    assert len(group.values) == 2
