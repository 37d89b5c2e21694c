"""Runs over seeds: each seed once, and never of different data or code in one mean."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from rnnx.comparison.compare import rank_runs
from rnnx.comparison.figures import draw_figures
from rnnx.comparison.page import render
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.table import as_json, group_rows, print_tables
from rnnx.config.identity import group_of

Make = Callable[..., ComparedRun]
FIELDS: dict[str, Any] = {
    "config_hash": "c",
    "seedless_hash": "s",
    "seed": 0,
    "data_sha256": "d" * 64,
    "split_sha256": "e" * 64,
    "versions": {"rnnx": "0.1.0"},
    "sources": {"rnnx": "f" * 16},
}


@pytest.fixture
def of(run: Make) -> Make:
    """Makes a run of these fields of its identity."""

    def make(name: str, loss: float, status: str = "FINISHED", **fields: Any) -> ComparedRun:
        made_of = FIELDS | fields
        plain = run(name, loss, group_of(made_of))
        return plain._replace(run_id=f"{name} {loss}", status=status, made_of=made_of)

    return make


def test_a_seed_counts_once(of: Make) -> None:
    runs = [of("seed=0", 2.0), of("seed=0", 2.0), of("seed=1", 3.0, seed=1)]
    found = rank_runs(runs, "title", "best/val_loss")
    assert [list(group.values) for group in found.groups] == [[2.0, 3.0]]
    assert group_rows(found)[0][1:3] == ["2", "2.5000 ± 0.7071"]
    assert len(found.runs) == 3 and not found.notes


@pytest.mark.parametrize("finished_first", [True, False])
def test_the_finished_run_of_a_seed_counts(of: Make, finished_first: bool) -> None:
    runs = [of("seed=0", 2.5), of("seed=0", 2.0, "KILLED"), of("seed=1", 3.0, seed=1)]
    runs = runs if finished_first else runs[::-1]
    (group,) = rank_runs(runs, "title", "best/val_loss").groups
    assert sorted(group.values) == [2.5, 3.0]


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"split_sha256": "a" * 64}, "measured on 2 different held-out parts"),
        ({"data_sha256": "a" * 64, "split_sha256": "b" * 64}, "measured on 2 different held-out"),
        ({"versions": {"rnnx": "0.2.0"}}, "computed by 2 states of the code of rnnx"),
        ({"sources": {"rnnx": "a" * 16}}, "computed by 2 states of the code of rnnx"),
        ({"seedless_hash": "t"}, ""),
    ],
)
def test_what_differs_is_not_averaged(of: Make, changed: dict[str, Any], note: str) -> None:
    runs = [of("seed=0", 2.0), of("seed=1", 3.0, seed=1)]
    runs += [of("seed=0", 5.0, **changed), of("seed=2", 6.0, seed=2, **changed)]
    found = rank_runs(runs, "title", "best/val_loss")
    assert [list(group.values) for group in found.groups] == [[2.0, 3.0], [5.0, 6.0]]
    assert len({group.hash for group in found.groups}) == 2
    if not note:
        assert not found.notes
        return
    assert len({group.name for group in found.groups}) == 2
    (told,) = found.notes
    assert note in told
    out = io.StringIO()
    print_tables(found, Console(file=out, width=200))
    assert told in out.getvalue()
    assert json.loads(as_json(found))["notes"] == [told]
    assert told in render(found, draw_figures(found))


def test_other_plugins_are_no_other_state_of_the_code(of: Make) -> None:
    versions = {"rnnx": "0.1.0", "acme": "1.0"}
    runs = [of("cell=gru", 2.0), of("cell=mgu", 3.0, seedless_hash="t", versions=versions)]
    assert not rank_runs(runs, "title", "best/val_loss").notes


def test_a_run_that_continued_under_other_code_is_alone(of: Make) -> None:
    runs = [of("seed=0", 2.0), of("seed=1", 3.0, seed=1, versions={"rnnx": "0.1.0, then 0.2.0"})]
    assert len(rank_runs(runs, "title", "best/val_loss").groups) == 2


def test_runs_of_unknown_identity_belong_to_no_group(run: Make) -> None:
    assert group_of({}) == group_of({"seedless_hash": None}) == ""
    assert not rank_runs([run("a", 1.0, ""), run("b", 2.0, "")], "title", "best/val_loss").groups
