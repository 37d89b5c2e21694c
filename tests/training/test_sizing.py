"""``params=10k``: what a run, a sweep and what they leave have in the place of the hidden size."""

import re
from pathlib import Path

import pytest
import yaml
from single_sweep import only_sweep, results
from tiny import tiny

import rnnx
from rnnx.cli.hydra_app import main
from rnnx.comparison.card import card
from rnnx.config.compose import compose
from rnnx.config.identity import config_hash
from rnnx.config.recipes import conf_folder
from rnnx.config.settings import Train
from rnnx.errors import ConfigError, RnnxError
from rnnx.registry.manager import CORE, registry
from rnnx.runs.folder import runs_in
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx.training.sizing import Sizing


def small(names: Path, *more: str) -> list[str]:
    """A tiny run whose hidden size is not given."""
    shared = [text for text in tiny(names, "backend=numpy") if text != "cell.hidden_size=8"]
    return [*shared, *more]


def test_a_session_has_as_many_parameters_as_were_asked_for(names: Path) -> None:
    session = rnnx.build(small(names, "cell=gru", "params=2k"))
    n = session.config["cell"]["hidden_size"]
    smaller, larger = (
        rnnx.build(small(names, "cell=gru", f"cell.hidden_size={k}")).params.size
        for k in (n - 1, n + 1)
    )
    assert smaller < session.params.size < larger
    assert abs(session.params.size - 2000) <= min(2000 - smaller, larger - 2000)


def test_a_number_is_written_in_several_ways() -> None:
    for text in ("2k", "2000", "2_000", "0.002M", "2.0K", "2 k"):
        assert Train(params=text).parameters == 2000
    assert Train(params="1.5M").parameters == 1_500_000
    assert Train().parameters is None
    for text in ("many", "2.5", "0", "-2k", "0.0001k", "1e3", "", "２k"):
        with pytest.raises(ConfigError, match="must be a whole number, as 10k, 50000"):
            Train(params=text)


def test_a_run_keeps_the_size_that_was_solved_for(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(small(names, "params=2k", "cell=gru")) == 0
    (folder,) = runs_in(Path("outputs"))
    n = yaml.safe_load(folder.config.read_text())["cell"]["hidden_size"]
    told = folder.read()["told"]["params"]
    assert n != 128 and told["cell.hidden_size"] == str(n) and told["params"] == "2k"
    assert f"gru · hidden_size={n} · " in capsys.readouterr().out
    assert "params=2k" in card(str(folder.path))  # in the command that trains it again
    given = compose(small(names, "cell=gru", f"cell.hidden_size={n}"))
    assert folder.read()["config_hash"] == config_hash(given)
    longer = resume(folder, Silent(), ["steps=13"])
    assert longer.model.config["cell"]["hidden_size"] == n


def test_a_recipes_size_gives_way(names: Path) -> None:
    session = rnnx.build(
        [
            "experiment=text",
            f"dataset.path={names}",
            "dataset.length=4",
            "params=5k",
            "backend=numpy",
        ]
    )
    assert abs(session.params.size - 5000) < 500


def test_a_sweep_solves_for_each_cell_before_any_job_runs(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*small(names), "steps=1", "hydra/launcher=basic", "params=2k", "cell=vanilla,gru"]
    assert main(command, multirun=True) == 0
    said = capsys.readouterr().out
    sizes = {}
    for folder in runs_in(Path("outputs")):
        cell = yaml.safe_load(folder.config.read_text())["cell"]
        sizes[cell["name"]] = cell["hidden_size"]
    assert len(set(sizes.values())) == 2
    for result in results():
        name = only_sweep().name(result.overrides)
        assert f"{name} (hidden_size={result.hidden_size}) · FINISHED" in said
        assert name == "cell=" + next(k for k, n in sizes.items() if n == result.hidden_size)
    assert main(command, multirun=True) == 0  # again: the same configurations
    assert capsys.readouterr().out.count("had finished before") >= 2
    assert main(command, multirun=True, dry_run=True) == 0
    count = rnnx.build([*small(names, "params=2k"), "cell=gru"]).params.size
    assert f"cell=gru (hidden_size={sizes['gru']}, {count:,} par" in capsys.readouterr().out


def test_all_cells_are_compared_at_the_nearest_size_to_ten_thousand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As near as whole units come: of 35 units with four gates one is 4.7 %."""
    assert main(["sweep=zoo", "seed=0"], multirun=True, dry_run=True) == 0
    said = capsys.readouterr().out
    found = re.findall(r"cell=(\w+) \(hidden_size=\d+, ([\d,]+) parameters\)", said)
    counts = {cell: int(count.replace(",", "")) for cell, count in found}
    assert {cell: n for cell, n in counts.items() if abs(n - 10_000) > 210} == {}
    assert len(counts) == 22


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["params=2k", "cell.hidden_size=8"], "params=2k: solves for cell.hidden_size, which"),
        (["params=5"], r"params=5: this network has at least \d+ \(hidden_size=1\)"),
        (["params=many"], "params=many: must be a whole number, as 10k, 50000 or 1.5M"),
    ],
)
def test_what_cannot_be_solved_for_is_one_line(names: Path, more: list[str], error: str) -> None:
    with pytest.raises(ConfigError, match=error) as refused:
        rnnx.build(small(names, *more))
    assert "\n" not in str(refused.value)
    with pytest.raises(RnnxError, match=error):
        main([*small(names, *more), "cell=gru,lstm"], multirun=True)
    assert not Path("outputs").exists()


def test_a_configuration_without_params_stays_as_it_is(names: Path) -> None:
    values = compose(tiny(names))
    assert Sizing().sized(values, {"cell.hidden_size"}) == values
    without = {key: value for key, value in values.items() if key != "params"}
    assert Sizing().sized(without, ()) == without  # of an earlier rnnx
    assert config_hash(without) == config_hash(values)


def test_the_recipe_of_the_zoo_has_every_cell_of_the_wheel() -> None:
    recipe = yaml.safe_load((conf_folder() / "sweep/zoo.yaml").read_text("utf-8"))
    listed = recipe["hydra"]["sweeper"]["params"]["cell"].split(",")
    cells = [e.name for e in registry() if e.kind == "cell" and e.owner.distribution == CORE]
    assert sorted(listed) == sorted(cells)
