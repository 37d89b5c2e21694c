"""What ``rnnx new-plugin`` writes, kind by kind, in this process; tests/slow installs it."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import rnnx
from rnnx import testing
from rnnx.cli.scaffold import new_plugin
from rnnx.contracts.components import KINDS
from rnnx.errors import ConfigError
from rnnx.registry.manager import plugins


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., type]]:
    """Write a plugin and let Python find it as if it were installed; its component's class."""
    before = set(sys.modules)

    def make(name: str, kind: str, targets: bool = False) -> type:
        new_plugin(name, kind, tmp_path, targets)
        source, package = tmp_path / name / "src", name.replace("-", "_")
        info = source / f"{package}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[rnnx]\n{package} = {package}\n")
        monkeypatch.syspath_prepend(source)
        plugins.cache_clear()
        component = package.removeprefix("rnnx_")
        return getattr(importlib.import_module(f"{package}.{component}"), _class(component))

    yield make
    monkeypatch.undo()
    plugins.cache_clear()
    for module in set(sys.modules) - before:
        if module.startswith("rnnx_new"):
            del sys.modules[module]


def _class(component: str) -> str:
    return "".join(part.capitalize() for part in component.split("_"))


# Tests of the kit that take seconds each and are about no kind in particular.
SLOW = ("test_other_process", "test_history", "test_threads", "test_process")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_of_each_kind_works_at_once(
    kind: str, installed: Callable[..., type], tmp_path: Path
) -> None:
    component = installed(f"rnnx-new-{kind}", kind)
    assert [str(f) for f in plugins().failures] == []
    suite = getattr(testing, f"{kind.capitalize()}Suite")()
    suite.component = component()
    for name in dir(suite):
        if name.startswith("test_"):
            getattr(suite, name)()
    overrides = [f"experiment=new_{kind}", "steps=20", "sample_every=10", "baseline=never"]
    tracker = [] if kind == "tracker" else ["tracker=none"]
    run = rnnx.train([*overrides, *tracker])
    assert run.status == "FINISHED"
    if kind == "probe":
        assert "new_probe/mean" in run.metrics
        assert list((run.folder.path / "images").rglob("*.png"))


@pytest.mark.parametrize(
    ("kind", "suite"), [("dataset", testing.DatasetSuite), ("head", testing.HeadSuite)]
)
def test_a_new_component_for_other_targets_is_alone_and_trains(
    installed: Callable[..., type], kind: str, suite: type
) -> None:
    component, conducted = installed("rnnx-new-sum", kind, True), suite()
    assert [str(f) for f in plugins().failures] == []
    assert importlib.util.find_spec("rnnx_new_sum.head") is None
    conducted.component = component()
    for name in dir(conducted):
        if name.startswith("test_") and name not in SLOW:
            with suppress(pytest.skip.Exception):
                getattr(conducted, name)()
    run = rnnx.train(["experiment=new_sum", "steps=20", "eval_every=10", "tracker=none"])
    assert run.metrics["best/val_mse"] == min(run.metrics["best/val_mse"], 1)
    assert rnnx.load(str(run.folder.path)).config[kind]["name"] == "new_sum"


def test_targets_go_with_data_sets_and_heads() -> None:
    with pytest.raises(ConfigError, match="--targets: goes with --kind dataset or head"):
        new_plugin("rnnx-new-thing", "cell", Path(), True)


def test_a_second_tracker_serves_as_mlflow_does(installed: Callable[..., type]) -> None:
    tracker = installed("rnnx-new-tracker", "tracker")()
    run = rnnx.train(["tracker=new_tracker", "steps=4", "cell.hidden_size=8", "baseline=never"])
    (kept,) = tracker.runs(10)
    assert (kept.id, kept.status) == (run.run_id, "FINISHED")
    assert kept.metrics["train/loss"] == run.metrics["train/loss"]
    points = Path("new_tracker-runs", run.run_id, "points.csv").read_text("utf-8").splitlines()
    assert any(line.startswith("train/loss,") for line in points)
    files = Path("new_tracker-runs", run.run_id, "files")
    assert (files / "checkpoints").is_dir()
    assert (files / "config.yaml").is_file()
    assert rnnx.load(run.run_id[:8]).sample(2)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("Foo", "cell", "lower case letters"),
        ("../up", "cell", "lower case letters"),
        ("class", "cell", "a name of Python or rnnx itself"),
        ("json", "cell", "a name of Python or rnnx itself"),
        ("numpy", "cell", "a package numpy exists already"),
        ("tests", "cell", "a package tests exists already"),
        ("rnnx-lstm", "cell", "cell 'lstm' belongs to rnnx"),
        ("rnnx-notebook", "cell", "a package rnnx_notebook exists already"),
        ("my-text", "cell", None),
        ("rnnx-vanishing-gradient", "cell", "rnnx has experiment=vanishing_gradient already"),
    ],
)
def test_a_name_that_would_hide_another_is_refused(name: str, kind: str, says: str | None) -> None:
    if says is None:
        assert new_plugin(name, kind, Path())
        return
    before = sorted(Path().iterdir())
    with pytest.raises(ConfigError, match=says) as caught:
        new_plugin(name, kind, Path())
    assert "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("own words")
    with pytest.raises(ConfigError, match="exists already"):
        new_plugin("mine", "cell", tmp_path)
    assert (tmp_path / "mine" / "README.md").read_text() == "own words"
