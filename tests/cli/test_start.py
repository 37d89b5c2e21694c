"""What a command must not wait for: heavy libraries that it does not need."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from tiny import tiny

import rnnx
from rnnx.cli import hydra_app
from rnnx.registry.first_line import first_line
from rnnx.registry.manager import registry

HEAVY = ("matplotlib", "mlflow", "pandas", "sqlalchemy", "selenium", "torch", "jax", "numba")
TELL = """
import sys
from rnnx.cli.main import main
try:
    main()
finally:
    print("LOADED", *sorted(sys.modules))
"""


def modules(folder: Path, *arguments: str) -> set[str]:
    """The modules in memory after ``rnnx …``."""
    command = [sys.executable, "-c", TELL, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # else nothing was loaded because nothing ran
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The top-level modules in memory after ``rnnx …``."""
    return {name.split(".")[0] for name in modules(folder, *arguments)}


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["plugins"]])
def test_looking_around_loads_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert not loaded(tmp_path, *arguments) & set(HEAVY)


def test_a_list_of_components_imports_none(tmp_path: Path) -> None:
    components = {entry.module for entry in registry()}
    assert not modules(tmp_path, "plugins", "--json") & components
    command = [sys.executable, "-m", "rnnx", "plugins", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = {(one["kind"], one["name"]): one for one in json.loads(done.stdout)["components"]}
    for entry in registry():
        cls, one = entry.component, told[entry.kind, entry.name]
        assert one["description"] == first_line(cls)
        assert one["class"] == f"{cls.__module__}.{cls.__qualname__}"


def test_help_needs_no_numpy(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "--help") & {"numpy", "hydra", "omegaconf", "rich"}


def test_one_step_without_a_tracker_loads_nothing_heavy(tmp_path: Path, names: Path) -> None:
    found = loaded(tmp_path, "train", *tiny(names), "steps=1", "tracker=none")
    assert "numpy" in found
    assert not found & {*HEAVY, "multiprocessing"}  # the last is for sweeps


def test_what_a_folder_knows_needs_no_tracker(
    tmp_path: Path, names: Path, empty_store: Path
) -> None:
    """With a store beside the runs: a list reads its tables, the others the folder alone."""
    shutil.copy(empty_store, tmp_path)
    run = rnnx.train(tiny(names, "steps=1"))
    commands = [
        ["runs"],
        ["sample", run.run_id, "--count", "1"],
        ["evaluate", run.run_id[:8]],
        ["compare", "last"],
        ["describe", "cell", "lstm"],
    ]
    for arguments in commands:
        found = modules(tmp_path, *arguments)
        assert not {name.split(".")[0] for name in found} & set(HEAVY), arguments
        trains = "rnnx.training.session" in found
        assert not trains or arguments[0] in ("sample", "evaluate"), arguments


def test_a_run_is_composed_once(
    tmp_path: Path, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[object] = []
    original = ConfigLoaderImpl.load_configuration

    def counted(*arguments: object, **named: object) -> object:
        composed.append(arguments)
        return original(*arguments, **named)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    monkeypatch.chdir(tmp_path)
    seen: list[DictConfig] = []
    monkeypatch.setattr(hydra_app, "job", lambda _: seen.append(HydraConfig.get()) or 0)
    typed = ["hydra.run.dir=${hydra.job.name}", *tiny(names), "steps=1", "tracker=none"]
    assert hydra_app.main(typed) == 0
    assert len(composed) == 1
    # With this key Hydra's own main runs the job, and composes the configuration itself.
    assert hydra_app.main([*typed, "hydra.mode=RUN"]) == 0
    [once, theirs] = map(OmegaConf.to_container, seen)
    assert theirs["overrides"].pop("hydra") == [*once["overrides"].pop("hydra"), "hydra.mode=RUN"]
    assert once == theirs
    assert Path("hydra_app").is_dir()
