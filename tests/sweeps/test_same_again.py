"""A sweep given again skips what is the same in configuration, data and code, and nothing else."""

import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from single_sweep import results
from third_party import EVERY_KIND
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.comparison.compare import compare
from rnnx.registry.manager import plugins
from rnnx.runs.sweep_folder import JobResult, Sweep

SEEDS = ["seed=0,1", "jobs=1", "steps=4"]


def ended() -> list[tuple[str, str]]:
    return [(result.status, result.reason) for result in results()]


def sweep(*arguments: str) -> None:
    """The sweep in this process: its components are those that were loaded before."""
    assert main([*arguments, *SEEDS, "hydra/launcher=basic"], multirun=True) == 0


def test_data_that_changed_is_trained_on_anew(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tiny(names)
    sweep(*command)
    sweep(*command)
    assert ended() == [("SKIPPED", "had finished before")] * 2
    with names.open("a") as file:
        file.write("zara\n")
    capsys.readouterr()
    sweep(*command)
    assert "trained anew: the data has changed" in capsys.readouterr().out
    assert ended() == [("FINISHED", "trained anew: the data has changed")] * 2
    sweep(*command)
    assert ended() == [("SKIPPED", "had finished before")] * 2
    (group,) = compare(["last"]).groups
    assert len(group.values) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("source", "the source of acme 1.0 has changed"),
        ("version", "acme was 1.0, it is 1.1 now"),
        ("owner", "components were of acme 1.0, of other 1.0 now"),
    ],
)
def test_code_that_changed_trains_anew(
    change: str, told: str, names: Path, install: Callable[..., EntryPoint], tmp_path: Path
) -> None:
    install(EVERY_KIND)
    command = tiny(names, "cell=plain", "cell.hidden_size=4")
    sweep(*command)
    assert ended() == [("FINISHED", "")] * 2
    info, module = tmp_path / "acme-1.0.dist-info", tmp_path / "acme_module.py"
    if change == "source":
        module.write_text(module.read_text().replace("np.tanh(", "0.5 * np.tanh("))
    elif change == "version":
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.1\n")
    else:
        (info / "entry_points.txt").unlink()
        install(textwrap.dedent(EVERY_KIND), name="other")
    plugins.cache_clear()  # as a new process, which loads them
    sys.modules.pop("acme_module")
    sweep(*command)
    assert ended() == [("FINISHED", f"trained anew: {told}")] * 2
    sweep(*command)
    assert ended() == [("SKIPPED", "had finished before")] * 2


def test_another_split_is_another_job(names: Path) -> None:
    sweep(*tiny(names))
    sweep(*tiny(names), "dataset.split_seed=1")
    assert {result.status for result in results_of_all()} == {"FINISHED"}


def results_of_all() -> list[JobResult]:
    folders = Path("outputs/sweeps").glob("*/sweep.json")
    return [result for path in folders for result in Sweep(path.parent).results()]
