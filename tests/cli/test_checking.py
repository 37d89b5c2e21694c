"""The kit in a terminal and under pytest: what passes, what fails, what is empty."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from elman import Elman
from mutants import changed_gradient, mutant

from rnnx.cli.check import check as conduct_all
from rnnx.errors import ConfigError, DataError, PluginError
from rnnx.registry.manager import plugins, registry
from rnnx.registry.registry import Entry, Owner, kind_named
from rnnx.testing import (
    CHECKS,
    CellSuite,
    CheckFailed,
    NotApplicable,
    ScheduleSuite,
    cells,
    parametrize_with_checks,
)
from rnnx.testing.checks import kind_of
from rnnx.testing.schedules import check_metric, check_state
from rnnx.testing.suite import LEAST, conduct


def check(kind: str, name: str, fields: list[str]) -> int:
    return conduct_all(kind_named(kind), name, fields)


@pytest.fixture
def broken_cell() -> Iterator[str]:
    """A registered cell whose dWh has the wrong sign and whose stream raises."""

    @dataclass(frozen=True)
    class Broken(Elman):
        backward = mutant(Elman, backward=changed_gradient("Wh", lambda d: -d)).__class__.backward

        def stream(self, params, scratch):
            raise ValueError("not yet written")

    entry = Entry("cell", "broken", Broken, Owner("acme", "1.0", "main = acme"))
    registry().add(entry, keeps_names="rnnx")
    yield "broken"
    plugins.cache_clear()


def test_a_sound_component_passes_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("schedules", "cosine", ["steps=50"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("schedule cosine of rnnx")
    assert "steps=50" in said[0]
    rows = [line for line in said[1:-1] if not line.startswith("      ")]  # without reasons
    for line, name in zip(rows, CHECKS["schedule"], strict=True):
        found = "skipped" if name in (check_metric, check_state) else "passed"
        assert line.split()[:2] == [name.__name__.removeprefix("check_"), found]
    told = f"{len(CHECKS['schedule'])} checks: 7 passed, 0 failed, 2 skipped; "
    assert said[-1].startswith(told)


def test_too_few_checks_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CHECKS, "schedule", CHECKS["schedule"][-2:])
    assert check("schedule", "cosine", ["steps=50"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"FAILED: \d checks ran; at least 6 run for any schedule", said)


def test_every_kind_has_a_least_number_of_checks() -> None:
    assert LEAST.keys() == CHECKS.keys()
    assert all(0.25 * len(CHECKS[kind]) < count for kind, count in LEAST.items())


def test_a_check_is_skipped_with_a_reason() -> None:
    def check_nothing(component: object) -> None:
        raise NotApplicable("  ")

    with pytest.raises(CheckFailed, match="check_nothing is skipped without a reason"):
        conduct(check_nothing, None)


def test_a_suite_counts_what_ran(tmp_path: Path) -> None:
    file = tmp_path / "test_counted.py"
    file.write_text(
        "from rnnx.testing import NotApplicable, expect, make_suite\n"
        "def check_a(component): expect(True, '')\n"
        "def check_b(component): raise NotApplicable('it has no b')\n"
        "class TestOne(make_suite('odd', [check_a, check_b])): component = 1\n"
        "class TestNone(make_suite('odd', [check_b])): component = 1\n"
        "class TestCell(make_suite('cell', [check_a])): component = 1\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    run = partial(subprocess.run, check=False, capture_output=True, text=True, cwd=tmp_path)
    said = run(command).stdout
    assert "2 failed, 3 passed, 2 skipped" in said
    assert "0 of 1 checks ran; at least 1 run for any odd" in said
    assert "1 of 1 checks ran; at least 28 run for any cell" in said
    chosen = run([*command, "-k", "enough"])
    assert "3 skipped" in chosen.stdout


def test_what_fails_is_told_in_numbers(
    broken_cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("cell", broken_cell, []) == 1
    said = capsys.readouterr().out
    assert "cell broken of acme 1.0" in said
    line = next(line for line in said.splitlines() if "Wh[" in line)
    assert "the gradient is" in line
    assert "central differences say" in line
    assert "(16 of 16 entries are wrong)" in line
    assert "raised ValueError: not yet written (in stream, test_checking.py:" in said
    assert f"{len(CHECKS['cell'])} checks: 25 passed, 5 failed, 7 skipped; " in said
    assert "      the cell shows no gates\n" in said


@pytest.fixture
def excused() -> Iterator[str]:
    """A schedule that begins at 0, as its author says, and one that says so without cause."""

    @dataclass(frozen=True)
    class Late:
        expected_failed_checks: ClassVar[dict[str, str]] = {"check_begins": "it waits a step"}
        first: float = 0.0

        def factor(self, step: int) -> float:
            return 1.0 if step > 1 else self.first

    registry().add(Entry("schedule", "late", Late, Owner("acme", "1.0", "")), keeps_names="rnnx")
    yield "late"
    plugins.cache_clear()


def test_an_expected_failure_is_named_with_its_reason(
    excused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("schedule", excused, []) == 0
    said = capsys.readouterr().out
    assert re.search(r"begins +xfailed .*\n +it waits a step \(CheckFailed: factor\(1\) = 0", said)
    assert "checks: 5 passed, 0 failed, 1 xfailed, 3 skipped; " in said


def test_an_expected_failure_that_passes_fails(
    excused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("schedule", excused, ["first=1"]) == 1
    said = capsys.readouterr().out
    assert "expected to fail (it waits a step): remove check_begins" in said


@pytest.mark.parametrize("error", [TypeError("no step given"), ImportError("no jax")])
def test_an_error_is_no_expected_failure(
    error: Exception,
    excused: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def factor(self: object, step: int) -> float:
        raise error

    late = registry().get("schedule", excused).component
    monkeypatch.setattr(late, "factor", factor)
    assert check("schedule", excused, []) == 1
    said = capsys.readouterr().out
    assert re.search(rf"begins +FAILED .*\n +raised {type(error).__name__}: {error}", said)
    assert "xfailed" not in said

    class TestLate(ScheduleSuite):
        component = late()

    with pytest.raises(type(error)):
        TestLate().test_begins()
    (mark,) = (p.marks for p in parametrize_with_checks([late()]).args[1] if p.marks)
    assert mark[0].kwargs["raises"] is CheckFailed


def test_a_check_that_there_is_not_cannot_be_expected_to_fail(
    excused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"check_beginning": "why"}
    late = registry().get("schedule", excused).component
    monkeypatch.setattr(late, "expected_failed_checks", wrong)
    with pytest.raises(PluginError, match="there is no check_beginning; the checks of a schedule"):
        check("schedule", excused, [])


def test_a_component_in_site_packages_that_raises_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So it is where everything, rnnx too, lies there: every frame of the error is a library's."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "rnnx_raising.py").write_text(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Raising:\n"
        "    def factor(self, step):\n        return float('one')\n"
    )
    monkeypatch.syspath_prepend(folder)
    cls = importlib.import_module("rnnx_raising").Raising
    registry().add(Entry("schedule", "raising", cls, Owner("acme", "1.0", "")), keeps_names="rnnx")
    try:
        assert check("schedule", "raising", []) == 1
        frames = [SimpleNamespace(filename="/x/site-packages/a.py", name="f", lineno=3)]
        monkeypatch.setattr("traceback.extract_tb", lambda traceback: frames)
        assert check("schedule", "raising", []) == 1
    finally:
        plugins.cache_clear()
        del sys.modules["rnnx_raising"]
    said = capsys.readouterr().out
    assert "raised ValueError: could not convert string to float: 'one' (in factor, rnnx_r" in said
    assert "'one' (in f, a.py:3)" in said


def test_without_hypothesis_the_checks_that_need_it_are_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(NotApplicable, match="pip install hypothesis"):
        cells.check_any_shape(Elman())


def test_wrong_words_are_one_line() -> None:
    with pytest.raises(ConfigError, match="did you mean cell"):
        check("cel", "gru", [])
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        check("cell", "gru", ["hidden_size"])
    with pytest.raises(DataError, match=r"^path: is not set; say path=FILE"):
        check("dataset", "lines", [])


def test_a_tracker_is_checked_in_a_folder_that_goes_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(Path().iterdir())
    assert check("tracker", "none", []) == 0
    assert sorted(Path().iterdir()) == before


def test_the_kind_is_found_by_the_methods() -> None:
    for entry in registry():
        assert kind_of(entry.component()) == entry.kind
    with pytest.raises(PluginError, match="no kind"):
        kind_of(object())


def test_an_empty_subject_fails() -> None:
    class TestNothing(CellSuite):
        pass

    with pytest.raises(CheckFailed, match="set component"):
        TestNothing().test_gradients()
    with pytest.raises(PluginError, match="list of components is empty"):
        parametrize_with_checks([])
    with pytest.raises(PluginError, match="there is no check_grads; the checks of a cell are"):
        parametrize_with_checks([Elman()], expected_failed_checks={"check_grads": "why"})


def test_a_check_that_compares_nothing_fails() -> None:
    from rnnx.testing.suite import conduct

    def check_nothing(component: object) -> None:
        for _ in ():
            np.testing.assert_equal(1, 1)

    with pytest.raises(CheckFailed, match="found nothing to check"):
        conduct(check_nothing, Elman())


MODULE = """
from rnnx.testing import parametrize_with_checks
from elman import Elman
from mutants import changed_gradient, mutant

broken = mutant(Elman, backward=changed_gradient("Wh", lambda d: -d))
expected = {"check_gradients": "known", "check_gradients_of_ids": "known"}


@parametrize_with_checks([broken], expected_failed_checks=expected)
def test_cell(component, check):
    check(component)


@parametrize_with_checks([Elman()], expected_failed_checks=lambda c: {"check_state": "untrue"})
def test_right(component, check):
    check(component)
"""


def test_expected_failures_are_expected_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {Path(__file__).parents[1]}\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:cacheprovider",
        "test_mine.py",
    ]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "3 failed, 54 passed, 15 skipped, 2 xfailed" in said
    assert "check_gradients_of_lengths" in said  # not expected
    assert "XPASS(strict)" in said  # expected, and it does not fail
    assert "the cell has no stream" in said


def test_a_field_that_is_missing_is_named_as_check_takes_it() -> None:
    with pytest.raises(DataError, match=r"^path: is not set; say path=FILE$"):
        conduct_all("dataset", "npz", [])
