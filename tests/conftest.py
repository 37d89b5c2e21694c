"""Fixtures: every test runs in an empty folder with its own cache and store."""

import functools
import gc
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings
from mlflow_entries import place_store

from rnnx.config import composer
from rnnx.registry.manager import plugins
from rnnx.runs import loss_curve
from rnnx.system import secrets

# Thousands of tests and what they import are many objects, which live to the end: Python's own
# threshold of 700 new ones has the collector go through them all the time.
gc.set_threshold(50_000)

DRAW_CURVE = loss_curve.draw_curve

# No test asserts a time: a busy machine is no fault of an example.
settings.register_profile("rnnx", deadline=None)
settings.load_profile("rnnx")


def pytest_configure(config: pytest.Config) -> None:
    """A test file that imports kernels asks for their folder before any fixture is there."""
    if kernels := kept_kernels(config):
        os.environ["RNNX_CACHE"] = str(kernels.parent)


def pytest_collection_finish() -> None:
    """Have the collector pass over what was collected and imported so far."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """Give signals their default handlers: a shell ignores SIGINT in what it runs in background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes that test."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(scope="session")
def kernels(pytestconfig: pytest.Config, shared: Path) -> Path:
    """The folder of compiled kernels, shared by all tests because compiling takes a minute or two.

    It stays for the next session, if pytest keeps a cache: a file of it is found by the text of all
    kernels alone.
    """
    return kept_kernels(pytestconfig) or private(shared / "kernels")


def kept_kernels(config: pytest.Config) -> Path | None:
    """The folder of compiled kernels in pytest's own cache, if it keeps one."""
    cache: pytest.Cache | None = getattr(config, "cache", None)
    return private(private(Path(cache.mkdir("rnnx"))) / "kernels") if cache is not None else None


def private(folder: Path) -> Path:
    """The folder, where nobody else may write: else kernels are not loaded from there."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    return folder


def cache_in(folder: Path, kernels: Path) -> Path:
    """A cache of a test's own, but for the compiled kernels."""
    cache = folder / "cache"
    cache.mkdir()
    (cache / "kernels").symlink_to(kernels)
    return cache


@pytest.fixture(scope="session")
def make_cache(kernels: Path) -> Callable[[Path], Path]:
    """Makes a cache in a folder, for what is made once for several tests."""
    return functools.partial(cache_in, kernels=kernels)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: Path) -> Path:
    """Work in an empty folder: nothing of the user's is read, nothing is left in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNX_CACHE", str(cache_in(tmp_path, kernels)))
    for name in ("MLFLOW_TRACKING_URI", "RNNX_PLUGINS", "RNNX_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No password and no server is known from the test before."""
    monkeypatch.setattr(secrets, "_taken", {})
    monkeypatch.setattr(secrets, "_named", set())


@pytest.fixture(autouse=True)
def no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the loss curve out: drawing it takes half of a tiny run's time."""
    monkeypatch.setattr(loss_curve, "draw_curve", lambda *about: None)


@pytest.fixture
def curve(no_curve: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw it all the same."""
    monkeypatch.setattr(loss_curve, "draw_curve", DRAW_CURVE)


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The choices that Hydra composes."""
    found: list[tuple[str, ...]] = []
    real = composer._compose

    def noting(chosen: tuple[str, ...]) -> Any:
        found.append(chosen)
        return real(chosen)

    monkeypatch.setattr(composer, "_compose", noting)
    return found


@pytest.fixture(scope="session")
def empty_store(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated MLflow store without runs: the migration takes seconds and is the same for all."""
    from rnnx_builtin.trackers.mlflow_client import connect

    made = shared / "migrated.db"
    with FileLock(shared / "migrated.lock"):
        if not made.exists():
            connect(f"sqlite:///{made}")
    return Path(shutil.copy(made, tmp_path_factory.mktemp("empty") / "mlflow.db"))


@pytest.fixture
def default_store(empty_store: Path, own_folder: Path) -> str:
    """An empty store where runs are kept that name none; its URI."""
    return place_store(empty_store, own_folder)


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
    """A function that installs a plugin: a module, and a distribution with its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    plugins.cache_clear()
    made: list[str] = []

    def write(source: str, name: str = "acme") -> EntryPoint:
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
