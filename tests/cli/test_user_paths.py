"""Every path that a user types: ~ is the home folder, and ~nobody ends in one line."""

from pathlib import Path

import pytest
from command_here import exit_code
from tiny import tiny

import rnnx

NOBODY = "~nobody1234"


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """What `rnnx WORDS` says on standard error, and its exit code."""
    code = exit_code(monkeypatch, *words)
    return f"{code}: {capsys.readouterr().err}"


@pytest.mark.parametrize(
    "words",
    [
        ("compare", NOBODY),
        ("sample", NOBODY),
        ("evaluate", NOBODY),
        ("resume", NOBODY),
        ("sync", NOBODY),
        ("train", f"outputs={NOBODY}/x", "tracker=none", "backend=numpy"),
        ("train", "-m", f"outputs={NOBODY}/x", "tracker=none", "seed=1,2"),
        ("train", "--config-dir", NOBODY),
        ("train", "dataset=lines", f"dataset.path={NOBODY}/x", "tracker=none", "backend=numpy"),
        ("compare", "last", "--html", f"{NOBODY}/x.html"),
    ],
    ids=" ".join,
)
def test_a_home_of_nobody_is_one_line(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = said(capsys, monkeypatch, *words)
    assert line.startswith("2: rnnx: ")
    assert line.count("\n") == 1
    assert not Path(NOBODY).exists()


def test_home_is_where_every_command_looks(
    names: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    recipe = tmp_path / "home/recipes/experiment/three.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("# @package _global_\nsteps: 3\n")
    (tmp_path / "home/names.txt").write_bytes(names.read_bytes())
    words = [*tiny(names, "outputs=~/runs", "dataset.path=~/names.txt")]
    assert rnnx.train([*words, "steps=3"]).folder.path.parent == tmp_path / "home/runs"
    words = ["--config-dir=~/recipes", *words, "experiment=three"]
    assert said(capsys, monkeypatch, "train", *words) == "0: "
    (run, _) = (tmp_path / "home/runs").iterdir()
    assert said(capsys, monkeypatch, "compare", f"~/runs/{run.name}", "--html=~/x.html") == "0: "
    assert (tmp_path / "home/x.html").is_file()
