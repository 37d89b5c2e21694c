"""A module of kernels that only note who compiled them, in files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnnx.system.kernels import Call


@contextmanager
def fake_kernels(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Inside, ``fakekernels`` has this text; the folder in which it notes what is compiled."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    (tmp_path / "fakekernels.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COMPILED_IN", str(folder))
    yield folder
    sys.modules.pop("fakekernels", None)


def call(types: str, size: int = 1) -> Call:
    """A call of its kernel with arguments of these types."""
    return Call("fakekernels", "fake", types, size)
