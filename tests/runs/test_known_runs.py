"""A command reads each run.json once, however many there are and however often it asks."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.cli.runs import show_runs
from rnnx.comparison.runs import jobs_of
from rnnx.errors import CheckpointError
from rnnx.runs.folder import RunFolder, find_folders, runs_with
from rnnx.runs.known_runs import KnownRuns, known_runs, one_reading
from rnnx.runs.stored_config import kept_config
from rnnx.runs.sweep_folder import JobResult, Sweep

RUNS = 30


def made(name: str, **fields: object) -> RunFolder:
    folder = RunFolder(Path("outputs", name))
    folder.path.mkdir(parents=True)
    folder.write({"status": "FINISHED", "started": 1.0, "sent": True, **fields})
    settled(folder)
    return folder


def settled(folder: RunFolder) -> None:
    """As if the file had been written a while ago."""
    path = folder.path / "run.json"
    before = path.stat().st_mtime - 60
    os.utime(path, (before, before))


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    monkeypatch.chdir(tmp_path)
    return [made(f"run{n:02}", started=float(n), sweep="ab12", job=n) for n in range(RUNS)]


@contextmanager
def opened() -> Iterator[Counter[str]]:
    """How often the run.json of each run is opened inside."""
    count: Counter[str] = Counter()
    real = os.open

    def counting(path: object, *arguments: object, **named: object) -> int:
        if Path(str(path)).name == "run.json":
            count[Path(str(path)).parent.name] += 1
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", counting)
        yield count


def test_the_list_of_runs_reads_each_once_and_the_listed_ones_again(
    many: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    with opened() as count:
        show_runs(["tracker=none"], 4)
    shown = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["run29", "run28", "run27", "run26"]
    assert set(count) == {run.id for run in many}
    assert count.total() == RUNS + 4


def test_a_sweep_is_compared_by_one_look_at_each_run(many: list[RunFolder]) -> None:
    other = made("other", sweep="cd34")
    sweep = Sweep(Path("outputs/sweeps/ab12"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": ["seed"]})
    for number, run in enumerate([*many[:-1], other]):  # the job of the last one still runs
        sweep.store_result(JobResult(number, [f"seed={number}"], "FINISHED", run_id=run.id))
    many[-1].write({"job": RUNS})
    with opened() as count:
        jobs = jobs_of(sweep)
    assert [job.run_id for job in jobs] == [*(r.id for r in many[:-1]), "other", many[-1].id]
    assert all(count[run.id] == 1 for run in many)
    assert count["other"] == 2  # as one of all runs, and as the one that a job has skipped


def test_inside_one_reading_only_what_has_changed_is_read_again(many: list[RunFolder]) -> None:
    with one_reading():
        with opened() as count:
            assert len(list(known_runs("outputs"))) == RUNS
            known_runs("outputs")
        assert set(count.values()) == {1}
        many[3].write({"status": "KILLED", "started": 99.0})
        shutil.rmtree(many[4].path)
        made("new", started=0.5)
        with opened() as count:
            now = list(known_runs("outputs"))
        assert count == {many[3].id: 1, "new": 1}
        assert (now[0].folder.id, now[0].status) == (many[3].id, "KILLED")
        assert [run.folder.id for run in now if run.folder.id in ("new", many[4].id)] == ["new"]
    with opened() as count:
        known_runs("outputs")
    assert len(count) == RUNS


def test_a_file_that_was_just_written_is_read_again(many: list[RunFolder]) -> None:
    known = KnownRuns("outputs")
    many[0].write({"status": "KILLED"})
    known.look()
    with opened() as count:
        known.look()
    assert count == {many[0].id: 1}  # a write within the clock's own step would not show
    settled(many[0])
    known.look()
    with opened() as count:
        known.look()
    assert not count


def test_runs_are_found_by_name_without_being_read(many: list[RunFolder]) -> None:
    many[5].write({"entries": ["f00d", "beef"]})
    with opened() as count:
        assert [run.id for run in find_folders("run07", Path("outputs"))] == ["run07"]
    assert count.total() == 1
    assert [run.id for run in find_folders("run1", Path("outputs"))][:2] == ["run19", "run18"]
    assert [run.id for run in find_folders("bee", Path("outputs"))] == ["run05"]
    assert find_folders("status", Path("outputs")) == []


def test_runs_are_found_by_their_fields_alone(many: list[RunFolder]) -> None:
    many[2].write({"name": 'the "sweep": "zz99" of old', "sweep": "ä"})
    assert runs_with("outputs", sweep="zz99") == []
    assert [run.id for run in runs_with("outputs", sweep="ä")] == ["run02"]
    assert [run.id for run in runs_with("outputs", sweep="ab12", job=7)] == ["run07"]
    assert len(runs_with("outputs", pruned=None)) == RUNS


LINES = st.sampled_from(
    [
        *("steps: 1", "cell:", "  name: lstm", "  deep:", "    x: [1, 2]", "seed: ~", "- a"),
        *("text: 'a", "  b'", "more: |", "  x: 1", "  y", "steps: 2", "key: a\x85other: b"),
        *("# note", "---", ""),
    ]
)


@given(st.lists(LINES, max_size=9))
def test_a_configuration_is_the_same_by_its_parts(lines: list[str]) -> None:
    from rnnx.runs import stored_config as stored

    text = "\n".join(lines) + "\n"
    try:
        whole = stored._parsed(text)
    except Exception:
        assert stored._by_parts(text) == {}
    else:
        assert stored._by_parts(text) in ({}, whole)


def test_what_jobs_share_of_a_configuration_is_parsed_once(
    many: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnx.runs import stored_config as stored

    parsed = []
    real = stored._parsed
    monkeypatch.setattr(stored, "_parsed", lambda text: (parsed.append(text), real(text))[1])
    stored._parsed_part.cache_clear()
    for number, run in enumerate(many):
        run.config.write_text(f"steps: 5\ncell:\n  name: gru\nseed: {number}\nmark: of this test\n")
        found = kept_config(run)
        assert found == {
            "steps": 5, "cell": {"name": "gru"}, "seed": number, "mark": "of this test",
        }  # fmt: skip
        found["cell"]["name"] = "another"  # the next one has its own
    assert len(parsed) == RUNS + 3
    many[0].config.write_text("steps: 5\ncell: &a\n  name: *a\n")
    with pytest.raises(CheckpointError, match="line 3: holds an alias or a tag"):
        kept_config(many[0])
