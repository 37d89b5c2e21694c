"""Overrides: what works, and what each mistake is answered with."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from third_party import EVERY_KIND

from rnnx.config import composer
from rnnx.config.components import components_from, settings_from
from rnnx.config.compose import compose
from rnnx.config.overrides import searchpath
from rnnx.config.recipes import conf_folder
from rnnx.errors import ConfigError, RnnxError
from rnnx.registry.manager import plugins
from rnnx.registry.registry import Owner


def test_the_default_is_complete() -> None:
    config = compose([])
    assert config["cell"]["name"] == "lstm"
    assert config["dataset"]["name"] == "dinosaurs"
    assert config["cell"]["weights"]["recurrent"] == "orthogonal"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("cell=gru", ["cell", "name"], "gru"),
        ("cell.hidden_size=64", ["cell", "hidden_size"], 64),
        ("dropout=0", ["dropout"], 0.0),
        ("averaging=0.5", ["averaging"], 0.5),
        ("average=swa", ["average"], "swa"),
        ("accumulate=4", ["accumulate"], 4),
        ("params=50000", ["params"], "50000"),
        ("average_from=7", ["average_from"], 7),
        ("block=hawk", ["block", "expansion"], 3.0),
        ("dropout_kind=variational", ["dropout_kind"], "variational"),
        ("weight_dropout=0.5", ["weight_dropout"], 0.5),
        ("zoneout=0.05", ["zoneout"], 0.05),
        ("zoneout_memory=0.5", ["zoneout_memory"], 0.5),
        ("dtype=float64", ["dtype"], "float64"),
        ("cell.weights.input=normal", ["cell", "weights", "input"], "normal"),
        (
            "cell.weights.input={name:normal,scale:0.5}",
            ["cell", "weights", "input"],
            {"name": "normal", "scale": 0.5},
        ),
        ("probe=gradient_norms", ["probes", "gradient_norms", "name"], "gradient_norms"),
        ("checkpoint.every=7", ["checkpoint", "every"], 7),
        ("sweep.rerun=all", ["sweep", "rerun"], "all"),
        ("tracker.experiment=1.10", ["tracker", "experiment"], "1.10"),
        ("tracker.experiment=null", ["tracker", "experiment"], "null"),
        ("outputs=true", ["outputs"], "true"),
        ("outputs=a,b [c]", ["outputs"], "a,b [c]"),
    ],
)
def test_an_override_takes_hold(override: str, path: list[str], value: object) -> None:
    found = compose([override])
    for key in path:
        found = found[key]
    assert found == value


def test_the_default_recipe_leaves_components_free_and_other_recipes_alone() -> None:
    assert compose([]) == compose(["experiment=names"])
    assert compose([])["crossover"] > 0 < compose([])["input_dropout"]
    for override in ("schedule=constant", "optimizer=sgd", "cell=gru", "dataset=text"):
        kind, name = override.split("=")
        assert compose([override])[kind]["name"] == name
    recipes = ("text", "notebook", "clipping", "vanishing_gradient")
    for recipe in (*recipes, "classify", "tag", "forecast", "arrays"):
        found = compose([f"experiment={recipe}"])
        assert found["crossover"] == found["input_dropout"] == found["averaging"] == 0


def test_an_override_may_name_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "/somewhere")
    assert compose(["outputs=${oc.env:PLACE}/x"])["outputs"] == "/somewhere/x"


WRONG = {
    "cell=ltsm": "cell=ltsm: there is no such cell; choose from cornn, ",
    "cell=quux": "no installed plugin provides 'quux'",
    "cell=null": "cell=null: must name a cell",
    "cell={name:lstm}": "must name a cell",
    "cell.name=gru": "choose a cell with cell=gru",
    "cell.hiden_size=3": "did you mean cell.hidden_size?",
    "cell.hidden_size.x=3": "cell.hidden_size",
    "hidden_size=3": "hidden_size: there is no such key here; choose from steps",
    "input_dropout=1": "input_dropout=1",
    "crossover=-0.1": "crossover=-0.1: must be",
    "block=null": "block=null: must name a block; choose: convolution",
    "block.width=3": "block.width: there is no such key in block; choose from — (it has none)",
    "dropout_kind=zoneout": "dropout_kind=zoneout: must be one of output, variational",
    "weight_dropout=1": "weight_dropout=1.0: must be at least 0 and below 1",
    "zoneout=-0.1": "zoneout=-0.1: must be at least 0 and below 1",
    "zoneout_memory=nan": "zoneout_memory=nan: must be at least 0 and below 1",
    "averaging=1": "averaging=1.0: must be at least 0 and below 1",
    "average=mean": "average=mean: must be one of auto, none, ema, swa",
    "accumulate=0": "accumulate=0: must be at least 1",
    "average_from=0": "average_from=0: must be at least 1",
    "sweep.replicates=0": "sweep.replicates=0: must be at least 1",
    "cell.hidden_size=abc": "cell.hidden_size=abc: must be a whole number",
    "cell.hidden_size=-5": "cell.hidden_size=-5: must be at least 1",
    "cell.hidden_size=1.5": "cell.hidden_size=1.5: must be a whole number",
    "cell.hidden_size=null": "cell.hidden_size",
    "outputs=???": "outputs=???: is how OmegaConf says that nothing is set",
    "cell.forget_bias=nan": "cell.forget_bias=nan: must be a finite number",
    "optimizer.learning_rate=-1": "optimizer.learning_rate=-1",
    "optimizer.learning_rate=inf": "optimizer.learning_rate=inf",
    "cell.weights.input=nope": "cell.weights.input=nope: there is no such initializer",
    "cell.weights.input={name:normal,scale:-1}": "cell.weights.input.scale=-1",
    "cell.weights.input={scale:1}": "cell.weights.input: it names no initializer",
    "dtype=float16x": "dtype=float16x: must be one of float32, float64",
    "steps=0": "steps=0: must be at least 1",
    "dropout=1": "dropout=1.0: must be at least 0 and below 1",
    "dropout=nan": "dropout=nan",
    "checkpoint.keep=0": "checkpoint.keep=0: must be at least 1",
    "+foo=1": "keys cannot be added or deleted",
    "++foo=1": "keys cannot be added or deleted",
    "~cell": "keys cannot be added or deleted",
    "foo": "'foo': is not of the form key=value",
    "=3": "is not of the form key=value",
    "experiment=nope": "experiment=nope: there is no such experiment",
    "hydra/launcher=nope": "hydra/launcher=nope: there is no such hydra/launcher",
    "probe=nope": "probe=nope: there is no such probe",
    "outputs=${cell.nowhere}": r"outputs: ${cell.nowhere}: there is no such key; for the letters",
    "outputs=${ouputs}": r"put a backslash before them: \${ouputs}",
    "outputs=a${nowhere:1}": "outputs: ${nowhere:…}: there is no such resolver; for the letters",
    "steps=${oc.env:NO_SUCH_VARIABLE}": "steps",
    "steps=[1,2]": "steps",
}


@pytest.mark.parametrize("override", WRONG)
def test_a_mistake_is_one_line(override: str) -> None:
    with pytest.raises(RnnxError) as caught:
        compose([override])
    message = str(caught.value)
    assert WRONG[override] in message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_threads_take_turns() -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda seed: compose([f"seed={seed}"])["seed"], range(12)))
    assert made == list(range(12))


def test_the_same_components_are_composed_once_a_process(
    install: Callable[..., EntryPoint], composed: list[tuple[str, ...]], tmp_path: Path
) -> None:
    install(EVERY_KIND)  # with new plugins nothing is known from before
    chosen = ["cell=plain", "optimizer=sgd"]
    made = [compose([*chosen, *own]) for own in (["cell.hidden_size=5", "seed=7"], [], ["seed=0"])]
    assert composed == [tuple(chosen)]
    assert (made[0]["cell"]["hidden_size"], made[0]["seed"]) == (5, 7)
    assert made[1] == made[2] and made[1]["cell"]["hidden_size"] != 5
    launched = [compose([*chosen, "hydra/launcher=basic"]) for _ in range(2)]
    assert launched == [made[1]] * 2 and len(composed) == 2
    composed.clear()
    recipe = tmp_path / "own/experiment/mine.yaml"
    recipe.parent.mkdir(parents=True)
    for seed in (3, 4):  # a recipe is read each time
        recipe.write_text(f"# @package _global_\nseed: {seed}\n")
        assert compose([searchpath(str(tmp_path / "own")), "experiment=mine"])["seed"] == seed
    assert len(composed) == 2
    composed.clear()
    plugins.cache_clear()  # as where a plugin was changed
    assert compose(chosen) == made[1] and composed == [tuple(chosen)]


def test_no_more_than_some_compositions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composer, "MAX_REMEMBERED", 2)
    monkeypatch.setattr(composer, "_remembered", composer._Remembered())
    for cell in ("gru", "vanilla", "mgu"):
        assert compose([f"cell={cell}"])["cell"]["name"] == cell
    assert list(composer._memory()) == [("cell=vanilla",), ("cell=mgu",)]


def test_composing_leaves_hydra_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    folder = Path.cwd() / "conf"
    folder.mkdir()
    (folder / "mine.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(folder), version_base="1.3"):
        repo = dict(ConfigStore.instance().repo)
        assert compose(["seed=3"])["seed"] == 3
        assert dict(ConfigStore.instance().repo) == repo
        assert hydra_compose("mine")["a"] == 1
        # A plugin's own folders of configuration are for rnnx alone.
        monkeypatch.setattr(plugins(), "conf_paths", [(Owner("a", "1", "a = b"), "pkg://a.conf")])
        compose([])
        for place, searched in ((folder, False), (conf_folder(), True)):
            path = create_config_search_path(str(place)).get_path()
            assert ("plugin://a.conf" in {part.path for part in path}) == searched
    assert not GlobalHydra.instance().is_initialized()


def test_nan_is_a_number_where_a_number_is_asked() -> None:
    assert not math.isnan(compose(["dropout=0.5"])["dropout"])


@pytest.mark.parametrize("key", ["seed", "checkpoint.every", "cell.hidden_size", "cell.weights"])
def test_a_stored_value_is_set(key: str) -> None:
    config: Any = compose([])
    node, parts = config, key.split(".")
    for part in parts[:-1]:
        node = node[part]
    node[parts[-1]] = "???"
    with pytest.raises(ConfigError, match=r"=\?\?\?: says that nothing is set"):
        settings_from(config)
        components_from(config)
