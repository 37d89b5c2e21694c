"""What a sweep prints while its jobs run."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from single_sweep import only_sweep
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.job_lines import JobLines

DONE = [
    JobResult(0, ["seed=0"], "FINISHED", "", "abc", 2.5, 1.0),
    JobResult(1, ["seed=1"], "FAILED"),
]


@pytest.mark.parametrize(("total", "counted"), [(3, "2 of 3 jobs done"), (0, "2 jobs done")])
def test_a_terminal_shows_how_many_jobs_are_done(total: int, counted: str, tmp_path: Path) -> None:
    sweep = Sweep.open(str(tmp_path), ["seed=0,1,2"], ["seed"], anew=False)
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=60)
    with JobLines(sweep, total, console) as lines:
        for result in DONE:
            lines.ended(result)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert counted in shown
    assert f"job 1{' of 3' * (total == 3)} · seed=0 · FINISHED · 2.5000 · 1.0 s\n" in shown


def test_a_pipe_gets_a_line_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = Sweep.open(str(tmp_path), ["seed=0,1"], ["seed"], anew=False)
    with JobLines(sweep, 2, Console(width=60)) as lines:
        for result in DONE:
            lines.ended(result)
    assert capsys.readouterr().out.splitlines() == [
        "job 1 of 2 · seed=0 · FINISHED · 2.5000 · 1.0 s",
        "job 2 of 2 · seed=1 · FAILED · 0.0 s",
    ]


def test_no_job_is_counted_beyond_the_number_of_jobs(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tiny(names, "seed=0,1,2", "jobs=1", "steps=1")
    assert main([*command, "hydra.sweeper.max_batch_size=2"], multirun=True) == 0
    first = [line for line in capsys.readouterr().out.splitlines() if line.startswith("job ")]
    assert [line.partition(" · ")[0] for line in first] == ["job 1", "job 2", "job 3"]
    assert main(command, multirun=True) == 0  # the same sweep
    again = [line for line in capsys.readouterr().out.splitlines() if line.startswith("job ")]
    assert [line.partition(" · ")[0] for line in again] == [f"job {i} of 3" for i in (1, 2, 3)]
    assert len(only_sweep().results()) == 3
