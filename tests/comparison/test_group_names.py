"""What sets groups apart that have the same overrides."""

from pathlib import Path

from tiny import tiny

import rnnx
from rnnx.comparison.compare import compare
from rnnx.training.report import Silent
from rnnx.training.resume import resume


def test_runs_that_were_resumed_to_other_steps_are_marked_with_them(names: Path) -> None:
    runs = [rnnx.train(tiny(names, f"seed={seed}")) for seed in (0, 1, 2)]
    resume(runs[0].folder, Silent(), ["steps=24"])
    first, second = sorted(group.name for group in compare([run.run_id for run in runs]).groups)
    assert first.removesuffix(" (steps=12)") == second.removesuffix(" (steps=24)")
    assert "data" not in first.rpartition("(")[2] and "code" not in first.rpartition("(")[2]
