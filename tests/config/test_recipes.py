"""What a file of the user's own folder of recipes may say, and what Hydra never sees of it."""

from pathlib import Path

import pytest

from rnnx.config.compose import compose
from rnnx.config.overrides import parse, searchpath
from rnnx.config.recipes import read_recipe
from rnnx.errors import ConfigError, RnnxError, UnknownComponent
from rnnx.sweeps.grid import parse_sweep, validate_sweep


def written(folder: Path, text: str, name: str = "experiment/e.yaml") -> Path:
    """A recipe in a folder of recipes."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


LAWFUL = [
    "steps: 3\nseed: ${steps}\ncell: {hidden_size: 7}\n",
    "outputs: ${oc.env:RNNX_PLACE,here}/${dataset.name}\n",
    "defaults:\n  - override /cell: gru\n  - override /probe: [saturation]\n  - _self_\n",
    "defaults:\n  - override /hydra/sweeper: optuna\nhydra: {sweeper: {n_trials: 3}}\n",
    "hydra: {sweeper: {params: {cell: 'lstm,gru', optimizer.learning_rate: 0.1}}}\n",
    "dataset: {path: 'a$b.txt'}\ntracker: {experiment: mine}\n",
    "hydra:\n",
    "outputs: ${x}\ntracker: {experiment: '$${x} \\${ ${'}\n",
    "hydra: {sweeper: {params: {dataset.path: '${x},${', outputs: $x}}}\n",
]


@pytest.mark.parametrize("text", LAWFUL)
def test_choices_values_and_references_pass(text: str, tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, text))[0] == text


UNLAWFUL = {
    "hydra.callbacks": "hydra: {callbacks: {x: 1}}",
    "hydra.job": "hydra: {job: {env_set: {A: b}}}",
    "hydra.launcher": "hydra: {sweeper: {}, launcher: {setup: [touch owned]}}",
    "hydra is no mapping": "hydra: ${dataset}",
    "hydra.sweeper._target_": "hydra: {sweeper: {_target_: os.system}}",
    "hydra.sweeper is no mapping": "hydra: {sweeper: x}",
    "hydra.sweeper.params is no mapping": "hydra: {sweeper: {params: x}}",
    "not the key of a value": "hydra: {sweeper: {params: {hydra.job.env_set.A: b}}}",
    "hydra/launcher is not the key": "hydra: {sweeper: {params: {hydra/launcher: x}}}",
    "+cell.x is not the key": "hydra: {sweeper: {params: {+cell.x: 1}}}",
    "cell.name holds an": "hydra: {sweeper: {params: {cell.name: '${seed}'}}}",
    "outputs holds an": "hydra: {sweeper: {params: {outputs: '$\\{oc.env\\:HOME\\}'}}}",
    "params.tracker.uri names": "hydra: {sweeper: {params: {tracker.uri: 'http://x.org'}}}",
    "outputs: '": "outputs: ${oc.create:1}",
    "seed: ": "seed: ${oc.decode:'1'}",
    "dataset.path: '": "dataset: {path: '${oc.env:HOME}'}",
    "oc.env:RNNX_A": "outputs: ${oc.env:RNNX_A,${oc.env:HOME}}",
    "${a": "outputs: ${a.${b}}",
    "now": "outputs: ${now:%Y}",
    "hydra:runtime": "outputs: ${hydra:runtime.cwd}",
    "lib.own:1": "outputs: ${lib.own:1}",
    "oc.env:HOME": r"outputs: \${oc.env:HOME}",
    "cell.${seed}": "outputs: ${cell.${seed}}",
    "params.outputs holds": r"hydra: {sweeper: {params: {outputs: '\${seed}'}}}",
    "params.steps holds": "hydra: {sweeper: {params: {steps: '${x}'}}}",
    "params.dataset.path": "hydra: {sweeper: {params: {dataset.path: 'a,${oc.env:HOME}'}}}",
    "tracker.experiment names": "tracker: {experiment: 'x${seed}'}",
    "oc.deprecated": "outputs: ${oc.deprecated:seed}",
    "names another value": f"outputs: '{'${seed}' * 5}'",
    "holds the key": "cell: {_target_: os.system}",
    "cell._args_": "cell: {_args_: [1]}",
    "x.y.()": "x: {y: {(): 1}}",
    "the key '$": "'${oc.env:HOME}': 1",
    "tracker.uri names": "tracker: {uri: 'https://user@x.org'}",
    "tracker.uri": "tracker: {uri: '${outputs}'}",
    "/hydra/launcher": "defaults: [{override /hydra/launcher: basic}]",
    "experiment@hydra": "defaults: [{/experiment@hydra.callbacks: x}]",
    "'cell'": "defaults: [{cell: gru}]",
    "../x": "defaults: [../x]",
    "/etc/x": "defaults: [{/experiment: /etc/x}]",
    "'${x}'": "defaults: [{override /cell: '${x}'}]",
    "alias": "a: &x {b: 1}\nc: {<<: *x}",
    "tag": "a: !!python/name:os.system x",
    "nested": "a: " + "[" * 20 + "]" * 20,
    "no mapping": "- a",
    "cannot be read": "a: [",
    "more than": "#" * 2**20 + "\na: 1",
}


@pytest.mark.parametrize(("cause", "text"), UNLAWFUL.items())
def test_all_else_is_refused(cause: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_recipe(written(tmp_path, text))
    assert "e.yaml: " in str(error.value) and cause in str(error.value)


def test_hydra_sees_nothing_else_of_the_folder(tmp_path: Path) -> None:
    """Files for groups of components or for train.yaml itself would be composed otherwise."""
    for name in ("schema/train.yaml", "cell/lstm.yaml", "train.yaml", "tracker/mlflow.yaml"):
        written(tmp_path, "steps: 3\nuri: http://x.org\n", name)
    assert compose([searchpath(str(tmp_path))]) == compose([])


@pytest.mark.parametrize("name", ["hydra/launcher/processes.yaml", "hydra.yaml", "Hydra/x.yaml"])
def test_a_folder_with_hydra_s_own_settings_is_refused(name: str, tmp_path: Path) -> None:
    written(tmp_path, "steps: 3\n", name)
    with pytest.raises(ConfigError, match="Hydra's own settings are for the command line"):
        compose([f"hydra.searchpath=[file://{tmp_path}]"])


@pytest.mark.parametrize("link", ["experiment", "experiment/e.yaml", "experiment/sub"])
def test_a_link_is_refused(link: str, tmp_path: Path) -> None:
    folder, outside = tmp_path / "recipes", tmp_path / "outside"
    there = written(
        outside, "# @package _global_\nsteps: 3\n", link.replace(".yaml", "") + "/e.yaml"
    )
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(there if link.endswith(".yaml") else there.parent)
    name = "sub/e" if link.endswith("sub") else "e"
    with pytest.raises(ConfigError, match="is a symbolic link"):
        compose([f"hydra.searchpath=[{folder}]", f"experiment={name}"])


@pytest.mark.parametrize("name", ["../outside", "'/etc/hostname'", "'a/../../outside'", "_x"])
def test_a_name_does_not_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    written(tmp_path, "# @package _global_\nsteps: 3\n", "outside.yaml")
    written(tmp_path, "# @package _global_\nsteps: 4\n", "recipes/experiment/e.yaml")
    with pytest.raises(ConfigError, match="is not the name of a recipe"):
        compose([searchpath(f"{tmp_path}/recipes"), f"experiment={name}"])


@pytest.mark.parametrize("header", ["# @package hydra.callbacks", "#@package _group_", "# @x y"])
def test_a_recipe_is_put_nowhere_else(header: str, tmp_path: Path) -> None:
    written(tmp_path, f"{header}\nsteps: 3\n")
    with pytest.raises(ConfigError, match="its first lines may say"):
        compose([searchpath(str(tmp_path)), "experiment=e"])


def test_recipes_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's, [one] {two} né"
    written(folder, "# @package _global_\nsteps: 3\n", "experiment/deep/my recipe-2.1.yaml")
    found = compose([searchpath(str(folder)), "experiment='deep/my recipe-2.1'"])
    assert found["steps"] == 3


def test_a_pipe_is_no_recipe(tmp_path: Path) -> None:
    import os

    (tmp_path / "experiment").mkdir()
    os.mkfifo(tmp_path / "experiment" / "e.yaml")
    with pytest.raises(RnnxError, match=r"e\.yaml|experiment/e"):
        compose([searchpath(str(tmp_path)), "experiment=e"])


def test_the_values_of_a_component_are_not_an_option_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, "learning_rate: 0.1\n", "optimizer/fast.yaml")
    with pytest.raises(ConfigError, match=f"{file} is not read: .* and say experiment=fast"):
        compose([searchpath(str(tmp_path)), "optimizer=fast"])
    with pytest.raises(UnknownComponent, match="optimizer=slow: there is no such optimizer"):
        compose([searchpath(str(tmp_path)), "optimizer=slow"])


@pytest.mark.parametrize("group", ["experiment", "sweep"])
def test_the_command_line_chooses_the_sweeper(group: str, tmp_path: Path) -> None:
    params = "hydra: {sweeper: {params: {seed: '0,1'}}}\n"
    text = f"# @package _global_\ndefaults:\n  - override /hydra/sweeper: optuna\n{params}"
    file = written(tmp_path, text, f"{group}/search.yaml")
    asked = [searchpath(str(tmp_path)), f"{group}=search", "tracker=none"]
    command = parse_sweep(parse(asked, several=True))
    with pytest.raises(ConfigError, match=f"{file}: the command line chooses the sweeper, not"):
        validate_sweep(command)
    chosen = parse_sweep(parse([*asked, "hydra/sweeper=optuna"], several=True))
    assert validate_sweep(chosen)
