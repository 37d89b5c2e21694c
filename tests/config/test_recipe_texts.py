"""Texts in a user's own recipes are what is written in the file."""

from pathlib import Path

import pytest
import yaml

from rnnx.config.compose import compose
from rnnx.config.overrides import parse, searchpath, values_of
from rnnx.config.recipe_texts import with_texts_in_quotes
from rnnx.sweeps.grid import parse_sweep

RECIPE = """\
# @package _global_
defaults:
  - override /dataset: lines
tracker: {experiment: 1.10}
outputs: 2026_11_29
dataset:
  path: %s   # a file
steps: 1_000
jobs: null
dropout: .5
"""


WRITTEN = "1.10 2026_11_29 2026-11-29 12:30 true null ~ 1e3 0x10 007 =1"
WITH_BRACES = ["${x}", "${", "a$", "$${x}", "\\${x}", "\\\\${x", "'${x} é 🦕'", '"\\u2028${"']


@pytest.mark.parametrize("written", [*WRITTEN.split(), *WITH_BRACES])
def test_a_text_is_what_is_written(written: str, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(RECIPE % written, "utf-8")
    found = compose([searchpath(str(tmp_path)), "experiment=mine"])
    meant = yaml.safe_load(written) if written[0] in "\"'" else written
    assert found["dataset"]["path"] == meant
    assert found["tracker"]["experiment"] == "1.10"
    assert found["outputs"] == "2026_11_29"
    assert (found["steps"], found["jobs"], found["dropout"]) == (1000, None, 0.5)


def test_values_of_a_sweep_are_texts(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    params = "tracker.experiment: 1.10\n      dataset.path: 恐.txt, 1e3,true\n      seed: 0,1"
    recipe = f"# @package _global_\nhydra:\n  sweeper:\n    params:\n      {params}\n"
    (tmp_path / "sweep" / "mine.yaml").write_text(recipe, "utf-8")
    typed = [searchpath(str(tmp_path)), "sweep=mine", "dataset=lines"]
    command = parse_sweep(parse(typed, several=True))
    swept = {o.key_or_group: values_of(o) for o in command.overrides.swept}
    assert swept == {"dataset.path": ["'恐.txt'", "'1e3'", "'true'"], "seed": ["0", "1"]}
    single = {o.key_or_group: o.value() for o in command.overrides.single}
    assert single["tracker.experiment"] == "1.10"


def test_the_rest_of_a_recipe_stays_as_it_is() -> None:
    text = "\ufeff# é\nsteps: 1_000\noutputs: 'it''s' # x\ntracker:\n  uri: it's\nseed: 0x10\n"
    assert with_texts_in_quotes(text) == text.replace("uri: it's", "uri: 'it''s'")
    for empty in ("", "# only a comment\n", "outputs:\n"):
        assert with_texts_in_quotes(empty) == empty


@pytest.mark.parametrize(
    "name", ["${x}", "a,b", "it's", "x=[1] {y} (z)", "a%20b?#", "恐 ~&!;\\", '"q"']
)
def test_a_folder_of_recipes_has_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# @package _global_\nsteps: 77\n", "utf-8")
    given = [searchpath(str(tmp_path / name)), "experiment=mine"]
    assert compose(given)["steps"] == 77
    assert compose([given[0], *parse(given[1:]).texts])["steps"] == 77
