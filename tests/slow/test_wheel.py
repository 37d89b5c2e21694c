"""The wheel in a virtual environment of its own, in an empty folder away from the checkout."""

import os
import re
from pathlib import Path

import pytest
from environments import Venv

DINOS = Path(os.environ.get("RNNX_DINOS_TXT", "")).resolve()  # here: tests change folder

pytestmark = pytest.mark.slow


def test_the_first_commands_of_a_new_user(venv: Venv, tmp_path: Path) -> None:
    assert venv.run(tmp_path, "rnnx", "--version").startswith("rnnx, version ")
    said = venv.run(tmp_path, "rnnx", "train", "steps=30", "sample_every=10", "eval_every=10")
    assert "step 30/30" in said
    assert "held-out loss" in said
    assert "best n-gram" in said
    assert (tmp_path / "mlflow.db").is_file()
    assert len(venv.run(tmp_path, "rnnx", "sample", "last", "--count", "3").splitlines()) == 3
    assert "FINISHED" in venv.run(tmp_path, "rnnx", "runs")


def test_conf_is_in_the_wheel(venv: Venv, tmp_path: Path) -> None:
    assert "hidden_size" in venv.run(tmp_path, "rnnx", "train", "experiment=text", "--cfg", "job")
    said = venv.run(tmp_path, "rnnx", "train", "experiment=nope", code=2)
    assert "choose from" in said
    assert "text" in said


def test_the_notebooks_training_from_the_wheel(venv: Venv, tmp_path: Path) -> None:
    given = os.environ.get("RNNX_DINOS_TXT")
    if not given:
        pytest.skip("RNNX_DINOS_TXT names no copy of the notebook's dinos.txt")
    overrides = ["experiment=notebook", f"dataset.path={DINOS}", "steps=2001", "tracker=none"]
    said = venv.run(tmp_path, "rnnx", "train", *overrides)
    assert "\nstep 1: loss 23.0873360854846" in said
    assert "\nNkzxwtdmfqoeyhsqwasjkjvu\nKneb\n" in said
    assert re.search(r"\nstep 2001: loss 27\.88416049141\d+\nLiusskeomnolxeros\nHmdaairus\n", said)
    assert "23.0873" in said


def test_every_component_belongs_to_the_wheel(venv: Venv, tmp_path: Path) -> None:
    said = venv.run(tmp_path, "rnnx", "plugins", "--strict")
    assert "failed" not in said
    assert "lstm" in said


def test_a_second_run_in_the_same_folder(venv: Venv, tmp_path: Path) -> None:
    for _ in range(2):
        venv.run(tmp_path, "rnnx", "train", "steps=3", "baseline=never")
    assert len(venv.run(tmp_path, "rnnx", "runs").splitlines()) == 2


def test_a_component_is_checked_without_an_extra(venv: Venv, tmp_path: Path) -> None:
    said = venv.run(tmp_path, "rnnx", "check", "cell", "gru")
    assert " 0 failed" in said
    assert "it needs hypothesis, which is not installed: pip install hypothesis" in said


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["train", "backend=fast"], "numba is not installed; pip install numba"),
        (["train", "-m", "hydra/sweeper=optuna", "seed=range(0,3)"], "optuna"),
        (["train", "hydra/launcher=ray", "-m", "seed=0,1"], "ray"),
        (["train", "cell=scrn"], "choose from"),
        (["train", "dataset=lines", "dataset.path=nowhere.txt"], "no such file"),
        (["train", "outputs=/proc/x", "tracker=none", "steps=1"], "/proc/x"),
        (["sample", "nobody"], "rnnx runs"),
        (["compare", "nobody"], "rnnx runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_without_an_extra_is_one_line(
    command: list[str], part: str, venv: Venv, tmp_path: Path
) -> None:
    said = venv.run(tmp_path, "rnnx", *command, code=2)
    assert len(said.splitlines()) == 1
    assert part in said
