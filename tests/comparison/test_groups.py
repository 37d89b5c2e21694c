"""Runs over seeds: each seed once, and never of different data or code in one mean."""

import io
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from rnnx.comparison.compare import rank_runs
from rnnx.comparison.figures import draw_figures
from rnnx.comparison.page import render
from rnnx.comparison.results import results
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.seeds_table import group_columns, group_rows
from rnnx.comparison.table import as_json, print_tables
from rnnx.config.identity import group_of
from rnnx.errors import ConfigError

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


def test_groups_of_the_same_values_are_all_the_best(of: Make) -> None:
    own = [
        of(f"a={k} seed={s}", 2.0 + s, seed=s, seedless_hash=f"{k}")
        for k in (0, 1, 2)
        for s in (0, 1)
    ]
    own[-1] = of("a=2 seed=1", 3.5, seed=1, seedless_hash="2")
    groups = rank_runs(own, "title", "best/val_loss").groups
    assert [group.is_best for group in groups] == [True, True, False]


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


def seeds(of: Make, cell: str, losses: list[float], **fields: Any) -> list[ComparedRun]:
    return [
        of(f"cell={cell} seed={seed}", loss, seed=seed, seedless_hash=cell, **fields)
        for seed, loss in enumerate(losses)
    ]


def test_seeds_tell_groups_apart_or_not(of: Make) -> None:
    best = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    runs = seeds(of, "best", best)
    runs += seeds(of, "near", [1.1, 1.0, 1.3, 1.2, 1.5, 1.5])
    runs += seeds(of, "far", [2.0, 2.1, 2.2, 2.3, 2.4, math.nan, 2.6])
    runs += seeds(of, "once", [3.0])
    runs += seeds(of, "never", [math.nan])
    found = rank_runs(runs, "title", "best/val_loss")
    told = {group.name: group.verdict for group in found.groups}
    assert told == {
        "cell=best": "the best",
        "cell=near": "not told apart",
        "cell=far": "not told apart",  # five pairs: p is 2 of 32 at least
        "cell=once": "not tested",
        "cell=never": "",
    }
    _, near, far, once = (
        {name.name: cell for name, cell in zip(group_columns(found), row, strict=True)}
        for row in group_rows(found)
    )
    assert (near["p"], near["more seeds"]) == ("1.0000", f"{found.groups[1].from_best.more}")
    assert (far["seeds"], far["from the best"], far["p"], far["more seeds"]) == (
        "6 of 7",
        "+1.0000",
        "0.0625",
        "1",
    )
    assert once["best/val_loss (mean ± spread)"] == "3.0000 (one seed)"
    assert (once["95 % interval"], once["p"], once["more seeds"]) == ("—", "—", "—")
    read = json.loads(as_json(found))["groups"]
    assert [group["verdict"] for group in read] == [
        told[group.name] or None for group in found.groups
    ]
    assert read[2]["from_best"]["more_seeds"] == 1 and read[3]["interval"] is None
    assert read[0]["values"] == {str(seed): loss for seed, loss in enumerate(best)}


def test_more_is_better_where_the_name_or_the_user_says_so(of: Make) -> None:
    runs = seeds(of, "low", [1.0, 2.0]) + seeds(of, "high", [3.0, 4.0])
    for metric, better, best in (
        ("task/error", None, "cell=low"),
        ("task/error", True, "cell=high"),
        ("task/accuracy", None, "cell=high"),
        ("task/accuracy", False, "cell=low"),
    ):
        named = [run._replace(metrics={metric: run.metrics["best/val_loss"]}) for run in runs]
        found = rank_runs(named, "title", metric, better)
        assert found.groups[0].name == best
        assert found.groups[0].verdict == "the best"
        assert found.value(found.runs[0]) == (1.0 if best == "cell=low" else 4.0)


def test_runs_on_other_data_have_a_table_of_their_own(of: Make) -> None:
    other = {"split_sha256": "a" * 64}
    runs = seeds(of, "one", [2.0, 3.0]) + seeds(of, "one", [1.0, 1.5], **other)
    runs += seeds(of, "two", [2.5, 3.5]) + seeds(of, "two", [0.5, 1.0], **other)
    runs += [of("cell=lost", math.nan, "FAILED", split_sha256="")._replace(metrics={})]
    found = rank_runs(runs, "title", "best/val_loss")
    first, second = found.by_data()
    assert [first.title, second.title] == ["data eeeeeeee", "data aaaaaaaa"]
    assert [first.value(run) for run in first.runs[:-1]] == [2.0, 2.5, 3.0, 3.5]
    assert first.runs[-1].status == "FAILED"
    assert [second.value(run) for run in second.runs] == [0.5, 1.0, 1.0, 1.5]
    for part, best in ((first, "cell=one"), (second, "cell=two")):
        (name,) = [group.name for group in part.groups if group.verdict == "the best"]
        assert name.startswith(best)
        assert [group.from_best.mean for group in part.groups if group.from_best] == [0.5]
    ranks = [run["rank"] for run in json.loads(as_json(found))["runs"]]
    assert ranks == [1, 2, 3, 4, 5, 1, 2, 3, 4]
    out = io.StringIO()
    print_tables(found, Console(file=out, width=200, force_terminal=True, color_system=None))
    assert out.getvalue().count("95 % interval") == 2


def test_losses_in_different_units_have_a_table_each(of: Make) -> None:
    runs = seeds(of, "one", [2.0, 3.0]) + seeds(of, "two", [2.5, 3.5])
    runs = [run._replace(metrics={**run.metrics, "final/val_mae": 0.5}) for run in runs]
    error = {"loss_unit": "absolute error a step"}
    runs = [run._replace(**error) if run.name.startswith("cell=two") else run for run in runs]
    found = rank_runs(runs, "title", "best/val_loss")
    parts = found.by_data()
    assert [part.title for part in parts] == ["loss in nats", "loss in absolute error a step"]
    assert [one.verdict for part in parts for one in part.groups] == ["the best", "the best"]
    assert not any(one.from_best for part in parts for one in part.groups)
    (note,) = found.notes
    assert "the loss is in 2 units (absolute error a step, nats)" in note
    assert note.endswith("rnnx compare --metric final/val_mae ranks all of them")
    for rows, columns in (([], []), (["cell"], [])):
        with pytest.raises(ConfigError, match=r"has losses in 2 units .* cannot be compared"):
            results(found, rows, columns)
    assert len(results(found, [], ["cell"]).columns) == 2
    # A metric of the values is in the unit of the data, whatever the loss is.
    assert len(rank_runs(runs, "title", "final/val_mae").by_data()) == 1


def test_the_value_so_far_of_a_run_that_goes_on_is_named(of: Make) -> None:
    runs = [of("seed=0", 2.0), of("seed=1", 3.0, "KILLED", seed=1)]
    assert rank_runs(runs, "title", "best/val_loss").notes == [
        "1 run has not finished: the values so far count"
    ]


def test_finished_runs_without_the_metric_are_counted(of: Make) -> None:
    runs = [of("seed=0", 2.0), of("seed=1", 3.0, seed=1)._replace(metrics={"a": 1.0})]
    found = rank_runs(runs, "title", "best/val_loss")
    assert found.notes == ["1 finished run has no best/val_loss: last, and counted in no mean"]
    assert found.runs[-1].name == "seed=1" and found.groups[0].values == [2.0]


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([[1.0], [2.0]], "one seed a configuration: no interval, no test"),
        ([[1.0], [2.0, 3.0]], "the best has one seed, so nothing can be tested"),
        ([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], "with 3 shared seeds p is at least 0.25"),
        ([[1.0] * 6, [2.0] * 6], "verdict: worse where p ≤ 0.05 (sign-flip test"),
    ],
)  # fmt: skip
def test_the_terminal_says_what_seeds_cannot_tell(
    of: Make, losses: list[list[float]], told: str
) -> None:
    runs = [run for cell, own in zip("ab", losses, strict=True) for run in seeds(of, cell, own)]
    out = io.StringIO()
    console = Console(file=out, width=60, force_terminal=True, color_system=None)
    print_tables(rank_runs(runs, "title", "best/val_loss"), console)
    assert told in " ".join(out.getvalue().split())
    assert max(map(len, out.getvalue().splitlines())) <= 60


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
