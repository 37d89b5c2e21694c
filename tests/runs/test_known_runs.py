"""A command reads each run.json once, however many there are and however often it asks."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.cli.runs import show_runs
from rnnx.comparison.runs import jobs_of
from rnnx.config.compose import compose
from rnnx.config.identity import config_hash
from rnnx.errors import CheckpointError
from rnnx.runs.folder import RunFolder, runs_with
from rnnx.runs.known_runs import KnownRuns, known_runs, one_reading
from rnnx.runs.named import find_folders
from rnnx.runs.runs_cache import FEW, _file
from rnnx.runs.stored_config import kept_config
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.records import Records

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


@pytest.fixture
def very_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """As many as are worth keeping what was read of them."""
    monkeypatch.chdir(tmp_path)
    return [made(f"run{n:03}", started=float(n), sweep=f"s{n % 2}") for n in range(FEW + 1)]


def test_what_is_known_of_very_many_runs_outlives_the_command(very_many: list[RunFolder]) -> None:
    before = list(known_runs("outputs"))
    with opened() as count:
        assert list(known_runs("outputs")) == before
    assert not count
    very_many[3].write({"status": "KILLED", "started": 999.0})
    same_size = very_many[5].path / "run.json"
    as_before = same_size.stat()
    same_size.write_text(same_size.read_text().replace('"FINISHED"', '"SKIPPED" '))
    os.utime(same_size, ns=(as_before.st_atime_ns, as_before.st_mtime_ns))
    assert same_size.stat().st_size == as_before.st_size
    shutil.rmtree(very_many[4].path)
    made("new", started=0.5)
    with opened() as count:
        now = {run.folder.id: run for run in known_runs("outputs")}
    assert count == {very_many[3].id: 1, very_many[5].id: 1, "new": 1}
    assert now[very_many[3].id].status == "KILLED"
    assert now[very_many[5].id].status == "SKIPPED"
    assert very_many[4].id not in now and now["new"].started == 0.5
    with opened() as count:
        assert len(runs_with("outputs", sweep="s1")) == FEW // 2
    assert len(count) == FEW // 2 + 1  # the new one may be of the sweep, too


def test_an_entry_is_looked_for_in_what_is_kept(very_many: list[RunFolder]) -> None:
    very_many[5].write({"entries": ["f00d", "beef"]})
    settled(very_many[5])
    known_runs("outputs")
    with opened() as count:
        assert [run.id for run in find_folders("bee", Path("outputs"))] == [very_many[5].id]
        assert find_folders("dead", Path("outputs")) == []
    assert not count


def test_last_reads_what_the_last_command_has_not(very_many: list[RunFolder]) -> None:
    known_runs("outputs")
    new = made("new", started=1e6)
    with opened() as count:
        assert [run.id for run in find_folders("last", Path("outputs"))] == [new.id]
    assert set(count) == {new.id}


def test_before_each_job_it_is_looked_at_new_unfinished_and_equal_runs_alone(
    many: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = compose(["tracker=none"])
    equal, running = many[3], many[4]
    equal.write({"config_hash": config_hash(values)})
    running.write({"status": "RUNNING"})
    for run in (equal, running):
        settled(run)
    records, looked, real = Records("outputs"), Counter[str](), os.stat

    def counting(path: Any, *arguments: Any, **named: Any) -> os.stat_result:
        if str(path).endswith("run.json"):
            looked[Path(str(path)).parent.name] += 1
        return real(path, *arguments, **named)

    new = made("new", started=1e6, config_hash=config_hash(values))
    monkeypatch.setattr(os, "stat", counting)
    assert [run.id for run in records.of_now(values)] == [new.id, equal.id]
    assert set(looked) == {equal.id, running.id, new.id}
    running.write({"status": "FINISHED", "config_hash": config_hash(values)})
    shutil.rmtree(equal.path)
    assert [run.id for run in records.of_now(values)] == [new.id, running.id]


@pytest.mark.parametrize("damage", ["cut", "other bytes", "a folder", "foreign"])
def test_a_damaged_cache_is_as_good_as_none(damage: str, very_many: list[RunFolder]) -> None:
    before = list(known_runs("outputs"))
    path = _file("outputs")
    content = path.read_bytes()
    if damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "cut": content[:-9],
                "other bytes": content.replace(b"FINISHED", b"finished"),
                "foreign": b"[]",
            }[damage]
        )
    with opened() as count:
        assert list(known_runs("outputs")) == before
    assert len(count) == len(very_many)


def test_a_moved_folder_of_runs_is_read_anew(very_many: list[RunFolder]) -> None:
    known_runs("outputs")
    Path("outputs").rename("moved")
    shutil.copytree("moved", "outputs")  # other files under the same names
    with opened() as count:
        assert {run.path.split("/")[0] for run in known_runs("moved")} == {"moved"}
    assert len(count) == len(very_many)
    with opened() as count:
        known_runs("outputs")
    assert len(count) == len(very_many)


def test_a_run_without_a_time_is_as_old_as_its_folder(very_many: list[RunFolder]) -> None:
    path = very_many[0].path
    (path / "run.json").write_text("{}")
    settled(very_many[0])
    known_runs("outputs")
    os.utime(path, (5.0, 5.0))
    (found,) = (run for run in known_runs("outputs") if run.path == str(path))
    assert found.started == 5.0


def test_few_runs_are_not_kept(many: list[RunFolder]) -> None:
    known_runs("outputs")
    assert not _file("outputs").exists()


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
