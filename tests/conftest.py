"""Every test runs in an empty folder with a cache and a store of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the user's is read and nothing is left in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNX_CACHE", str(tmp_path / "cache"))
    for name in ("MLFLOW_TRACKING_URI", "RNNX_PLUGINS", "RNNX_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A small file of names, one a line."""
    path = tmp_path / "names.txt"
    parts = ["ara", "bo", "cis", "da", "el", "fu"]
    lines = [a + b + c for a in parts for b in parts for c in ("", "us", "ia")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
