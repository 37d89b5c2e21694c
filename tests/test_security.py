"""The sentences of docs/explanation/security.md that no other file tests."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import seal
from omegaconf import OmegaConf
from tiny import tiny

import rnnx
from rnnx.cli.models import sample
from rnnx.config.components import component_from
from rnnx.config.compose import compose, prepare_hydra
from rnnx.errors import ConfigError, RnnxError
from rnnx.registry.manager import registry
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder
from rnnx.runs.stored_config import stored_config
from rnnx.system.text import printable
from rnnx.training.run import Run
from rnnx_builtin.trackers.mlflow_client import mlflow_settings
from rnnx_builtin.trackers.mlflow_store import MLflow

RESOLVERS = {"oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values"}
RESOLVERS |= {"oc.env", "oc.select"}  # OmegaConf's own
HYDRAS = {"hydra", "now", "python_version"}


def recipe(folder: Path, text: str) -> str:
    """The override that makes Hydra search a folder with one experiment, ``e``."""
    (folder / "experiment").mkdir()
    (folder / "experiment" / "e.yaml").write_text(f"# @package _global_\n{text}")
    return f"hydra.searchpath=[file://{folder}]"


DECODED = """${oc.decode:'{_target_: os.mkdir, path: owned}'}"""
RECIPES = {
    "callback": "hydra:\n  callbacks:\n    x:\n      _target_: os.mkdir\n      path: owned\n",
    "launcher": "hydra:\n  launcher:\n    _target_: os.mkdir\n    path: owned\n",
    "escaped": 'hydra: {launcher: {"\\x5ftarget_": os.mkdir, path: owned}}\n',
    "factory": "hydra:\n  job_logging:\n    formatters:\n      x: {(): os.mkdir, path: owned}\n",
    "handler": "hydra: {job_logging: {handlers: {console: {class: os.mkdir, path: owned}}}}\n",
    "value": "hydra: {job_logging: {handlers: {console: {stream: ext://os.mkdir}}}}\n",
    "environment": "hydra: {job: {env_set: {LD_PRELOAD: owned.so}}}\n",
    "created": f"outputs: ${{oc.create:{DECODED}}}\n",
    "callback by interpolation": f"hydra: {{callbacks: {{x: '${{oc.create:{DECODED}}}'}}}}\n",
    "sweeper by interpolation": f"hydra: {{sweeper: '${{oc.create:{DECODED}}}'}}\n",
    "resolver in a resolver": "outputs: ${oc.env:${oc.env:HOME}}\n",
    "secret": "tracker: {experiment: '${oc.env:MLFLOW_TRACKING_TOKEN}'}\n",
    "anchor": "x: &a {_target_: os.mkdir}\nhydra: {launcher: {<<: *a}}\n",
    "dotted": "hydra.launcher._target_: os.mkdir\n",
    "swept": "hydra: {sweeper: {params: {+hydra.launcher._target_: os.mkdir}}}\n",
    "escapes in a sweep": "hydra: {sweeper: {params: {outputs: '$\\\\{now\\\\:%Y\\\\}'}}}\n",
    "launcher by choice": "defaults: [{override /hydra/launcher: submitit_local}]\n",
    "moved by a package": "defaults: [{/experiment@hydra.callbacks: e}]\n",
    "file elsewhere": "defaults: [../../elsewhere]\n",
    "address": "tracker: {uri: 'http://evil.org'}\n",
    "component": "cell: {_target_: os.mkdir, path: owned}\n",
    "tag": "cell: !!python/object/apply:os.mkdir [owned]\n",
    "not YAML": "cell: [\n",
}


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES.keys())
def test_a_recipe_runs_nothing(text: str, tmp_path: Path, names: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    with pytest.raises(RnnxError, match=r"e\.yaml"):
        rnnx.train([*tiny(names), recipe(folder, text), "experiment=e"])
    assert not Path("owned").exists()
    assert not Path("outputs").exists()


def test_a_recipe_chooses_and_sets(tmp_path: Path, names: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    where = recipe(folder, "defaults:\n  - override /cell: gru\nsteps: 3\n")
    found = compose([*tiny(names)[:-2], where, "experiment=e"])
    assert found["cell"]["name"] == "gru"


def test_rnnx_adds_no_resolver() -> None:
    from omegaconf.basecontainer import BaseContainer

    prepare_hydra()
    assert set(BaseContainer._resolvers) <= RESOLVERS | HYDRAS


def test_an_interpolation_of_one_s_own_is_stored_as_its_value(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "here")
    config = compose([*tiny(names), "outputs='${oc.env:PLACE}'"])
    assert config["outputs"] == "here"
    config = compose([*tiny(names), r"outputs='\${oc.env:PLACE}'"])
    assert config["outputs"] == "${oc.env:PLACE}"
    folder = RunFolder.create("runs", {}, config)
    assert r"outputs: \${oc.env:PLACE}" in folder.config.read_text("utf-8")
    assert stored_config(folder) == config


def test_no_component_is_made_from_a_path() -> None:
    for kind in ("cell", "tracker", "sampler", "initializer"):
        with pytest.raises(RnnxError, match="there is no such"):
            component_from(kind, {"name": "os.system"})
        name = registry().names(kind)[0]
        with pytest.raises(RnnxError, match="_target_"):
            component_from(kind, {"name": name, "_target_": "os.system"})


@pytest.fixture
def run(names: Path) -> Run:
    return rnnx.train(tiny(names))


def test_a_vocabulary_cannot_command_a_terminal(run: Run, tmp_path: Path) -> None:
    found = checkpoints.read(run.folder.last)
    symbols = [
        s if s == "\n" else "\x1b[2J" * (k + 1) for k, s in enumerate(found.vocabulary.symbols)
    ]
    path = tmp_path / "hostile.safetensors"
    seal(path, dict(found.tensors), dict(found.metadata) | {"symbols": symbols})
    texts = sample(str(path), 3, "", None, [], None, 0)
    assert any("\x1b" in text for text in texts)
    assert "\x1b" not in printable("".join(texts), "\n\t")
    with pytest.raises(RnnxError) as error:
        sample(str(path), 3, "x", None, [], None, 0)
    assert "\x1b" not in printable(str(error.value))


def test_what_is_printable_stays() -> None:
    assert printable("né 日本 🦕 a\tb\n", "\n\t") == "né 日本 🦕 a\tb\n"
    assert printable("a\r\x1b]0;x\x07\u202eb") == r"a\r\x1b]0;x\x07\u202eb"


def test_evaluation_and_sampling_touch_no_tracker(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checkpoints.read(run.folder.last)
    config = found.config | {"tracker": {"name": "mlflow", "uri": "http://127.0.0.1:9"}}
    seal(
        path := Path("x.safetensors"),
        dict(found.tensors),
        dict(found.metadata) | {"config": config},
    )
    assert len(sample(str(path), 2, "", None, [], None, 0)) == 2
    assert rnnx.load(str(path)).config["tracker"]["uri"] == "http://127.0.0.1:9"


def test_no_plugin_but_the_built_in_ones_is_loaded_where_none_is_wanted() -> None:
    found = "{owner.distribution for owner in plugins().owners}"
    code = f"from rnnx.registry.manager import plugins; print({found})"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"RNNX_PLUGINS": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'rnnx'}"


def test_a_config_of_plain_values_is_what_is_stored(run: Run) -> None:
    assert "${" not in run.folder.config.read_text()
    assert OmegaConf.load(run.folder.config) == checkpoints.read(run.folder.last).config


def test_no_connection_is_opened(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("no connection is opened here")

    for way in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, way, refuse)
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    run = rnnx.train([o for o in tiny(names) if o != "tracker=none"])
    assert len(sample(run.run_id, 2, "", None, [], None, 0)) == 2
    assert asked == []  # a thread that was refused one would not have told us
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ  # it is the user's, but while we work:
    with mlflow_settings():
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


OWN = "import pathlib; pathlib.Path(__file__).with_name('owned').touch()\n"
IMPORTED = (
    "numpy",
    "multiprocessing",
    "selectors",
    "safetensors",
    "hydra",
    "mlflow",
    "runpy",
    "rnnx",
)


def hostile_modules(folder: Path, names: tuple[str, ...]) -> None:
    """Modules that leave a file ``owned`` beside them when they are imported."""
    for name in names:
        (folder / f"{name}.py").write_text(OWN)


def rnnx_as_installed(bin: Path) -> list[str]:
    """The console script, which stands in another folder than the data."""
    bin.mkdir()
    script = "from rnnx.__main__ import main\nif __name__ == '__main__':\n    main()\n"
    (bin / "rnnx").write_text(script)
    return [sys.executable, str(bin / "rnnx")]


@pytest.mark.parametrize("way", ["rnnx", "python -m rnnx"])
def test_modules_of_the_working_folder_are_not_imported(
    way: str, names: Path, tmp_path: Path
) -> None:
    """Not by the command, the job server, its resource tracker or a job."""
    # Before rnnx has a say, `python -m` imports runpy and rnnx itself from the working folder.
    before = ("runpy", "rnnx") if way == "python -m rnnx" else ()
    hostile_modules(tmp_path, tuple(name for name in IMPORTED if name not in before))
    module = [sys.executable, "-m", "rnnx"]
    command = module if before else rnnx_as_installed(tmp_path / "bin")
    words = ["train", "-m", "seed=0,1", *tiny(names, "steps=1", "jobs=2")]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 finished" in done.stdout
    assert not (tmp_path / "owned").exists()


def test_the_tracker_s_pages_import_nothing_from_the_working_folder(tmp_path: Path) -> None:
    hostile_modules(tmp_path, ("mlflow", "uvicorn", "flask", "click"))
    ui = MLflow().ui("127.0.0.1", 5000)
    python = ui.command[: ui.command.index("mlflow") + 1]
    environment = os.environ | ui.environment
    done = subprocess.run([*python, "--version"], env=environment, capture_output=True, check=False)
    assert b"mlflow, version" in done.stdout
    assert not (tmp_path / "owned").exists()
    assert ui.environment["PYTHONSAFEPATH"] == "1"  # for the workers that the server starts


def test_the_tracker_s_pages_answer_local_names_alone() -> None:
    environment = MLflow().ui("127.0.0.1", 5000).environment
    hosts = environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert hosts == ["127.0.0.1", "localhost", "127.0.0.1:*", "localhost:*"]
    origins = environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"]
    assert origins == "http://127.0.0.1:5000,http://localhost:5000"


def test_a_kernel_cache_that_others_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling = pytest.importorskip("rnnx_builtin.kernels.simd.compiling")
    shared = tmp_path / "shared"
    monkeypatch.setenv("RNNX_CACHE", str(shared))
    own = compiling._folder.__wrapped__()
    assert own.stat().st_mode & 0o077 == 0
    for place in (shared, own.parent, own):
        before = place.stat().st_mode
        place.chmod(0o777)
        with pytest.raises(ConfigError, match=r"every user may write there.*RNNX_CACHE"):
            compiling._folder.__wrapped__()
        place.chmod(before)
    assert compiling._folder.__wrapped__() == own
