"""What a command must not wait for: heavy libraries that it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny

HEAVY = ("matplotlib", "mlflow", "pandas", "sqlalchemy", "selenium", "torch", "jax", "numba")
TELL = """
import sys
from rnnx.cli.main import main
try:
    main()
finally:
    print("LOADED", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The top-level modules in memory after ``rnnx …``."""
    command = [sys.executable, "-c", TELL, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # else nothing was loaded because nothing ran
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["plugins"]])
def test_looking_around_loads_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert not loaded(tmp_path, *arguments) & set(HEAVY)


def test_help_needs_no_numpy(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "--help") & {"numpy", "hydra", "omegaconf", "rich"}


def test_one_step_without_a_tracker_loads_nothing_heavy(tmp_path: Path, names: Path) -> None:
    found = loaded(tmp_path, "train", *tiny(names), "steps=1", "tracker=none")
    assert "numpy" in found
    assert not found & {*HEAVY, "multiprocessing"}  # the last is for sweeps
