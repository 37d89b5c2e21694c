"""Every test runs in an empty folder with a cache and a store of its own."""

import os
import signal
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rnnx.registry.manager import plugins


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """Their own meaning, which a shell takes from what it runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled kernels, which all tests share: compiling takes seconds."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kernels"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: Path) -> Path:
    """Nothing of the user's is read and nothing is left in the checkout."""
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kernels").symlink_to(kernels)
    monkeypatch.setenv("RNNX_CACHE", str(cache))
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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EntryPoint]:
    """Write a module and give it an entry point of a distribution of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    plugins.cache_clear()
    made: list[str] = []

    def write(source: str, name: str = "stranger") -> EntryPoint:
        module = f"{name}_module"
        made.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[rnnx]\nmain = {module}\n")
        from importlib.metadata import distribution

        return next(iter(distribution(name).entry_points))

    yield write
    plugins.cache_clear()
    for module in made:
        sys.modules.pop(module, None)
