"""Words that a shell completes, third-party ones included."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner
from third_party import GOOD

from rnnx.cli.main import commands

CASES = {
    "rnnx tr": {"train"},
    "rnnx train ce": {"cell=", "cell."},
    "rnnx train cell=l": {"lstm"},
    "rnnx train cell=": {"gru", "lstm", "vanilla"},
    "rnnx train cell=lstm,g": {"lstm,gru"},
    "rnnx train optimizer.mom": {"optimizer.momentum="},
    "rnnx train cell.weights.r": {"cell.weights.recurrent="},
    "rnnx train dty": {"dtype="},
    "rnnx train backend=": {"auto", "numpy", "fast"},
    "rnnx train experiment=te": {"text"},
    "rnnx train steps=5 sampler=top": {"top_k", "top_p"},
    "rnnx train probe=[gradient_n": {"[gradient_norms"},
    "rnnx train probes.gradient_n": {"probes.gradient_norms.every="},
    "rnnx check sch": {"schedule"},
    "rnnx describe cell gr": {"gru"},
    "rnnx plugins doc": {"doctor"},
    "rnnx new-plugin x --kind ce": {"cell"},
}


def completed(line: str) -> set[str]:
    """What bash would be told for ``line``."""
    environment = {"COMP_LINE": line, "_RNNX_COMPLETE": "bash_complete"}
    done = CliRunner().invoke(commands, [], prog_name="rnnx", env=environment)
    return set(done.output.split("\n")) - {""}


@pytest.mark.parametrize("line", CASES)
def test_words_are_completed(line: str) -> None:
    found = completed(line)
    assert found >= CASES[line]
    word = line.rsplit(" ", 1)[1].rsplit("=", 1)[-1]
    assert all(text.startswith(word) for text in found)


def test_a_third_partys_words_too(install: Callable[..., EntryPoint]) -> None:
    install(GOOD)
    assert completed("rnnx train cell=sc") == {"scrn"}
    assert completed("rnnx describe cell sc") == {"scrn"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    said = CliRunner().invoke(commands, ["completion", shell], prog_name="rnnx")
    assert said.exit_code == 0
    assert f"_RNNX_COMPLETE={shell}_complete" in said.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_itself_completes(tmp_path: Path) -> None:
    script = CliRunner().invoke(commands, ["completion", "bash"], prog_name="rnnx").output
    (tmp_path / "rnnx").write_text(f'#!/bin/sh\nexec {sys.executable} -m rnnx "$@"\n')
    (tmp_path / "rnnx").chmod(0o755)
    ask = f"{script}\nCOMP_LINE='rnnx train cell=gr'; COMP_POINT=18\n_rnnx_completion rnnx 2>&-\n"
    ask += 'echo "${COMPREPLY[@]}"; complete -p rnnx'
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    words, registered = done.stdout.splitlines()
    assert words == "gru"
    assert "-F _rnnx_completion rnnx" in registered
