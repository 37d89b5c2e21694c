"""A published table as a sweep: what it trains, and which runs belong to which row."""

from dataclasses import replace
from pathlib import Path

import pytest
from checked_sweep import jobs
from published_tables import TABLE

from rnnx.comparison.published import Figure, Table, read_table, table_named, table_names
from rnnx.config.compose import compose
from rnnx.errors import ConfigError
from rnnx.sweeps.reproducing import laid_out, sweep_words


@pytest.fixture
def table(tmp_path: Path) -> Table:
    file = tmp_path / "names.yaml"
    file.write_text(TABLE, "utf-8")
    return read_table(file, "names")


def test_a_table_is_a_sweep_of_its_rows_and_seeds(table: Table, names: Path) -> None:
    words = sweep_words(table, False, [f"dataset.path={names}"])
    assert words[0] == "tracker=none"
    rows = ["cell=vanilla", "cell=gru", "cell=lstm cell.forget_bias=2", "cell=lstm"]
    found = [job.replace("cell.hidden_size=8 ", "") for job in jobs(*words)]
    assert sorted(found) == sorted(f"seed={seed} {row}" for row in rows for seed in (0, 1))


def test_quick_and_typed_overrides_take_precedence_in_this_order(table: Table) -> None:
    quick = sweep_words(table, True)
    assert {"steps=4", "seed=0"} <= set(quick)
    typed = sweep_words(table, True, ["seed=3,4", "steps=2"])
    assert {"steps=2", "seed=3,4"} <= set(typed)
    assert not {"steps=4", "seed=0", "steps=8"} & set(typed)


def test_what_only_a_rows_component_has_stands_beside_it(table: Table) -> None:
    common, parts = laid_out(table, False, ["cell.hidden_size=5"])
    assert not any(key.startswith("cell") for key in common)
    assert [dict(part.own) for part in parts][2] == {
        "cell.hidden_size": "5",
        "cell": "lstm",
        "cell.forget_bias": "2",
    }


def test_a_figure_may_have_runs_of_its_own(table: Table) -> None:
    figures = [
        Figure("short", "m", overrides=["sample_length=3"]),
        Figure("long", "m", overrides=["sample_length=9"], quick=["sample_length=5"]),
    ]
    _, parts = laid_out(replace(table, figures=figures), True, [])
    assert [part.own["sample_length"] for part in parts] == ["3", "5"] * 4


@pytest.mark.parametrize(
    ("typed", "cause"),
    [
        ("zip(a=1,2, b=3,4)", "words of its own"),
        ("cell.hidden_size=4,8", "give one value"),
        ("cell=gru", "sets nothing beside cell=gru"),
    ],
)
def test_what_no_table_can_take_is_refused(table: Table, typed: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        laid_out(table, False, [typed])


@pytest.mark.parametrize("name", table_names())
def test_the_configurations_of_every_table_exist(name: str) -> None:
    """Those of its first and last row and figure; tests/slow checks all."""
    table = table_named(name)
    ends = [table.rows[0], table.rows[-1]]
    figures = [*dict.fromkeys((table.figures[0].name, table.figures[-1].name))]
    small = replace(table, rows=ends, figures=[one for one in table.figures if one.name in figures])
    common, parts = laid_out(small, False, [f"{key}={__file__}" for key in table.needs])
    fixed = {key: text for key, text in common.items() if "," not in text}
    for own in {tuple(part.own.items()) for part in parts}:
        compose([f"{key}={text}" for key, text in {**fixed, **dict(own)}.items()])
