"""Texts in a plugin's own fields, alone and in lists and mappings, and in the recipes it brings."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rnnx.config.compose import compose, composer
from rnnx.config.identity import flat_params
from rnnx.config.interpolations import from_typed, literal
from rnnx.config.overrides import parse, parse_job, searchpath, shown, values_of
from rnnx.config.plain import plain
from rnnx.config.spelling import quoted
from rnnx.errors import RnnxError
from rnnx.registry.manager import registry
from rnnx.runs.folder import RunFolder
from rnnx.runs.stored_config import stored_config

PLUGIN = """
    from collections.abc import Mapping
    from dataclasses import dataclass, field
    from typing import Dict, List, Optional, Tuple
    import rnnx

    @dataclass(frozen=True)
    class Inner:
        words: List[str] = field(default_factory=list)

    @dataclass(frozen=True)
    class Wordy:
        every: int = 1
        one: str = ""
        words: list[str] = field(default_factory=lambda: ["a"])
        maybe: Optional[list[str | None]] = None
        pair: Tuple[str, str] = ("a", "b")
        names: dict[str, str] = field(default_factory=lambda: {"a": "b"})
        deep: dict[str, list[str]] = field(default_factory=dict)
        sizes: list[int] = field(default_factory=list)
        shares: dict[str, float] = field(default_factory=dict)
        inner: Inner = field(default_factory=Inner)

        def observe(self, observation):
            return rnnx.Findings()

    @rnnx.hookimpl
    def register_probes(register):
        register("wordy", Wordy)

    @rnnx.hookimpl
    def conf_paths():
        return ["pkg://wordy_conf"]
"""
EXPERIMENT = r"""
# @package _global_
defaults:
  - override /probe: wordy
  - override /dataset: lines
outputs: 2026_11_29
dataset: {path: 1.10}
seed: 1_0
tracker: {experiment: '${x} $${'}
probes:
  wordy: &all
    one: \${seed}/${seed}/${y}
    words: [1.10, true, ~, 2026-11-29, '${x}', é "b"]
    maybe: [null, 1e3]
    pair: [0x10, 007]
    names: {1_0: 1_000, true: no, a b: '12:30'}
    deep: {x: [.5, on]}
    sizes: [1_0, 2]
    shares: {x: 1e1}
    inner:
      words:
        - &ten 1.10
        - *ten
        - |
          ${x}
          1
"""
READ: dict[str, Any] = {
    "one": "${seed}/10/${y}",
    "words": ["1.10", "true", "~", "2026-11-29", "${x}", 'é "b"'],
    "maybe": [None, "1e3"],
    "pair": ["0x10", "007"],
    "names": {"a": "b", "1_0": "1_000", "true": "no", "a b": "12:30"},
    "deep": {"x": [".5", "on"]},
    "sizes": [10, 2],
    "shares": {"x": 10.0},
    "inner": {"words": ["1.10", "1.10", "${x}\n1\n"]},
}
SWEEP = """
# @package _global_
hydra:
  sweeper:
    params:
      outputs: 1.10,${x}, true
      probes.wordy.words: "[1.10,'a,b'],[${y}]"
"""


@pytest.fixture
def wordy(install: Callable[..., EntryPoint], tmp_path: Path) -> Iterator[Path]:
    """The plugin, installed; the folder of its recipes."""
    install(PLUGIN, "wordy")
    conf = tmp_path / "wordy_conf"
    for name, text in (("experiment/wordy.yaml", EXPERIMENT), ("sweep/wordy.yaml", SWEEP)):
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text(text, "utf-8")
    (conf / "__init__.py").touch()
    assert "wordy" in registry().names("probe")
    yield conf
    sys.modules.pop("wordy_conf", None)


def wordy_of(*typed: str) -> dict[str, Any]:
    found = compose(["probe=wordy", *(f"probes.wordy.{text}" for text in typed)])
    return dict(found["probes"]["wordy"])


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("words=[1.10,2026_11_29,true, null,~]", ["1.10", "2026_11_29", "true", "null", "~"]),
        ("words=[1e3,0x10,a b,-1,.5]", ["1e3", "0x10", "a b", "-1", ".5"]),
        ("words=[${x},$,${,é,a[1].txt,f(1,2)]", ["${x}", "$", "${", "é", "a[1].txt", "f(1,2)"]),
        ("words=['a,b',\"1\",it's,a\\,b]", ["a,b", "1", "it's", "a,b"]),
        ("words=['(',a,'${seed}',\\${seed}]", ["(", "a", "0", "${seed}"]),
        ("words=[]", []),
        ("maybe=[null,1.10]", [None, "1.10"]),
        ("maybe=null", None),
        ("pair=[1.10,on]", ["1.10", "on"]),
        ("names={a:1.10,b: true,c:x:y}", {"a": "1.10", "b": "true", "c": "x:y"}),
        ("names={d:${x},e:'a,b'}", {"a": "b", "d": "${x}", "e": "a,b"}),
        ("names.new=1.10", {"a": "b", "new": "1.10"}),
        ("names.a=1.10", {"a": "1.10"}),
        ("deep={x:[1.10,on],y:[${x}]}", {"x": ["1.10", "on"], "y": ["${x}"]}),
        ("sizes=[1_0,2]", [10, 2]),
        ("shares={x:1e1}", {"x": 10.0}),
        ("inner.words=[1.10]", {"words": ["1.10"]}),
    ],
)
def test_texts_in_brackets_are_what_was_typed(wordy: Path, typed: str, value: Any) -> None:
    key = typed.partition("=")[0].partition(".")[0]
    found = wordy_of(typed)[key]
    assert found == (value)
    (override,) = parse([f"probes.wordy.{typed}"])
    again = shown(str(override.input_line))
    assert wordy_of(again.removeprefix("probes.wordy."))[key] == found


@pytest.mark.parametrize(
    "typed", ["words=[a", "words=[a],b]", "words=[a,]", "words=a", "names={a}", "names={1:a}"]
)
def test_what_is_no_list_or_mapping_is_one_line(wordy: Path, typed: str) -> None:
    with pytest.raises(RnnxError) as error:
        wordy_of(typed)
    assert "\n" not in str(error.value)


texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1)
odd = st.lists(st.sampled_from([*"\\$ '\"[]{}(),:=1é", "${", "${x}"]), min_size=1).map("".join)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(texts | odd, min_size=1, max_size=3))
def test_any_texts_go_the_whole_way(wordy: Path, tmp_path: Path, words: list[str]) -> None:
    assume(all(from_typed(word) == literal(word) for word in words))
    listed = ",".join(quoted(literal(word)) for word in words)
    typed = [f"words=[{listed}]", f"names={{a:{quoted(literal(words[0]))}}}"]
    found = wordy_of(*typed)
    assert (found["words"], found["names"]) == (words, {"a": words[0]})
    config = compose(["probe=wordy", *(f"probes.wordy.{text}" for text in typed)])
    assert flat_params(config)["probes.wordy.words"] == str(words)
    folder = RunFolder(tmp_path)
    folder.write_config(config)
    assert stored_config(folder) == config
    (swept,) = parse([f"probes.wordy.words=[{listed}],[b]"], several=True)
    jobs = [[f"probes.wordy.words={value}"] for value in values_of(swept)]
    with composer() as make:
        made = [plain(make(parse(["probe=wordy"]) + parse_job(job))) for job in jobs]
    assert [one["probes"]["wordy"]["words"] for one in made] == [words, ["b"]]


def test_a_plugin_s_recipe_is_read_as_it_is_written(wordy: Path) -> None:
    found = compose(["experiment=wordy"])
    assert found["probes"]["wordy"] == {"name": "wordy", "every": 1, **READ}
    assert (found["outputs"], found["dataset"]["path"], found["seed"]) == ("2026_11_29", "1.10", 10)
    assert found["tracker"]["experiment"] == "${x} $${"


def test_a_user_s_recipe_is_read_the_same(wordy: Path, tmp_path: Path) -> None:
    text = EXPERIMENT.replace("&all", "").replace("&ten ", "").replace("*ten", "1.10")
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/own.yaml").write_text(text, "utf-8")
    found = compose([searchpath(str(tmp_path / "mine")), "experiment=own"])
    assert found == compose(["experiment=wordy"])


def test_a_plugin_s_sweep_is_read_as_it_is_written(wordy: Path) -> None:
    from rnnx.sweeps.grid import parse_sweep

    command = parse_sweep(parse(["sweep=wordy", "probe=wordy"], several=True))
    jobs = {
        o.key_or_group: [shown(f"x={v}") for v in values_of(o)] for o in command.overrides.swept
    }
    assert jobs["outputs"] == ["x=1.10", "x=${x}", "x=true"]
    (words,) = (o for o in command.overrides.swept if o.key_or_group.endswith("words"))
    made = [
        compose(parse(["probe=wordy"]) + parse_job([f"probes.wordy.words={value}"]))
        for value in values_of(words)
    ]
    assert [one["probes"]["wordy"]["words"] for one in made] == [["1.10", "a,b"], ["${y}"]]


def test_a_plugin_s_recipe_that_is_no_yaml_is_named(wordy: Path) -> None:
    (wordy / "experiment/wordy.yaml").write_text("# @package _global_\na: [", "utf-8")
    with pytest.raises(RnnxError, match=r"wordy\.yaml: cannot be read"):
        compose(["experiment=wordy"])
