"""Which backend a run computes with."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.config.settings import Backend, Train
from rnnx.errors import ConfigError
from rnnx.models import backend

# Stands before all finders, as if numba had never been installed.
WITHOUT_NUMBA = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numba":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Blocker())
from rnnx.cli.main import main
main()
"""


def without_numba(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.mark.parametrize("installed", [True, False])
def test_auto_is_a_function_of_the_size_of_a_step(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "why_not", lambda: "" if installed else "it is not there")
    train = Train(batch_size=4)
    assert backend.choose(train, 12, 1) is (Backend.fast if installed else Backend.numpy)
    assert backend.choose(train, 12, 0) is Backend.numpy
    assert backend.choose(train, 11, 1) is Backend.numpy
    assert backend.choose(replace(train, backend=Backend.numpy), 512, 1) is Backend.numpy
    assert backend.backend_of_checkpoint("fast") is (Backend.fast if installed else Backend.numpy)
    assert backend.backend_of_checkpoint("numpy") is Backend.numpy


def test_fast_without_numba_is_one_line(names: Path) -> None:
    found = without_numba("train", *tiny(names, "backend=fast"))
    assert found.returncode == 2
    assert found.stderr.strip().splitlines() == [
        "rnnx: backend=fast: numba is not installed; pip install numba, "
        "or choose backend=numpy or backend=auto"
    ]
    assert not Path("outputs").exists()


def test_auto_without_numba_is_numpy(names: Path) -> None:
    found = without_numba("train", *tiny(names, "cell.hidden_size=16", "steps=3"))
    assert found.returncode == 0, found.stderr
    chosen = backend.choose(Train(batch_size=4), 16, 1)  # with numba these sizes are for kernels
    assert (chosen is Backend.fast) == (not backend.why_not())


def test_a_short_run_imports_no_compiler(names: Path) -> None:
    code = "import sys, rnnx; s = rnnx.build(sys.argv[1:]); s.step(); print('numba' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code, *tiny(names)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_auto_changes_after_the_first_step(names: Path) -> None:
    session = rnnx.build(tiny(names, "cell.hidden_size=16", "steps=1"))
    session.step()
    assert session.backend is Backend.numpy
    session.step()
    assert (session.backend is Backend.fast) == (not backend.why_not())


def test_an_unknown_backend_names_the_choices() -> None:
    from rnnx.config.components import settings_from

    with pytest.raises(ConfigError, match="must be one of"):
        settings_from({"backend": "gpu"})


@pytest.mark.parametrize("value", ["1", "0"])
def test_a_compiler_that_is_turned_off_is_named(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    backend.why_not.cache_clear()
    obstacle = backend.why_not()
    backend.why_not.cache_clear()
    assert obstacle == ("" if value == "0" else obstacle)
    if value == "1":
        assert obstacle.startswith("NUMBA_DISABLE_JIT turns numba's compiler off")


def test_a_numba_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 1.0')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    backend.why_not.cache_clear()
    try:
        assert "numba cannot be imported (Numba needs NumPy 1.0)" in backend.why_not()
        assert backend.choose(Train(batch_size=64), 64, 1) is Backend.numpy
        with pytest.raises(ConfigError, match=r"^backend=fast: numba cannot be imported"):
            backend.choose(Train(backend=Backend.fast), 64, 1)
    finally:
        backend.why_not.cache_clear()
