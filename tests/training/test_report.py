"""What a run says of itself: while it trains, at its end, and as a value."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from tiny import tiny

import rnnx
from rnnx.runs.folder import RunFolder
from rnnx.training.loop import TrainingLoop
from rnnx.training.report import Lines, Live
from rnnx.training.session import Session


def screen(width: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)


def test_a_progress_line_says_that_its_loss_is_smoothed(names: Path, tmp_path: Path) -> None:
    session = rnnx.build(tiny(names, "steps=1"))
    session.step()
    console = screen(80)
    Lines(console).progress(session, 1234.0)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown == f"step 1/1: smoothed loss {session.smooth_loss:.4f}, 1,234 tokens/s\n"


@pytest.mark.parametrize("width", [40, 60, 61, 80])
def test_a_terminal_of_any_width_has_a_line_of_progress(
    width: int, names: Path, tmp_path: Path
) -> None:
    session = rnnx.build(tiny(names, "steps=3000"))
    session.step()
    console = screen(width)
    live = Live(console)
    live.start(session, RunFolder(tmp_path))
    live.progress(session, 123_456.0)
    live._bar.refresh()
    live.stop()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    line = next(line for line in lines if "1/3000" in line and "smoothed" in line)
    assert f"smoothed loss {session.smooth_loss:.3f}" in line
    assert "…" not in line


def test_a_script_is_told_nothing_and_a_notebook_the_loss_and_samples(
    names: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rnnx.train(tiny(names))
    assert capsys.readouterr().out == ""
    rnnx.train(tiny(names), verbose=True)
    told = capsys.readouterr().out
    assert "smoothed loss" in told and "best held-out loss: " in told and "step 12: " in told
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    rnnx.train(tiny(names))
    assert capsys.readouterr().out == ""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    rnnx.train(tiny(names), verbose=False)
    assert capsys.readouterr().out == ""
    rnnx.train(tiny(names))
    assert "best held-out loss: " in capsys.readouterr().out


def test_a_run_is_one_short_line(names: Path) -> None:
    run = rnnx.train(tiny(names))
    best = f"{run.metrics['best/val_loss']:.4f}"
    assert repr(run) == (
        f"<Run {run.run_id[:8]}: FINISHED, best held-out loss {best}, in outputs/{run.run_id}>"
    )


def test_the_speed_counts_training_alone(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes in what is no training alone: then all of it together takes none."""
    now = [0.0]
    monkeypatch.setattr("rnnx.training.loop.time.perf_counter", lambda: now[0])

    def slow(owner: type, name: str) -> None:
        call = getattr(owner, name)

        def slowly(*args: object, **more: object) -> object:
            now[0] += 100
            return call(*args, **more)

        monkeypatch.setattr(owner, name, slowly)

    for name in ("evaluate", "sample", "observations"):
        slow(Session, name)
    prepare = Session.prepare

    def slow_once(session: Session) -> None:  # a step that finds nothing to load takes no time
        if session.steps == 1 and now[0] % 100 == 1:
            now[0] += 99
        prepare(session)

    monkeypatch.setattr(Session, "prepare", slow_once)
    slow(TrainingLoop, "_state")
    count = TrainingLoop._count

    def counted(loop: TrainingLoop) -> None:
        now[0] += 1  # a step
        count(loop)

    monkeypatch.setattr(TrainingLoop, "_count", counted)
    run = rnnx.train(tiny(names, "probe=gradient_norms", "backend=numpy"))
    assert run.metrics["final/seconds"] == 12


def test_the_end_names_the_unit_of_each_loss_once(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rnnx.train(tiny(names, "baseline=always"), verbose=True)
    told = dict(
        line.split(": ", 1) for line in capsys.readouterr().out.splitlines() if ": " in line
    )
    (order,) = (key for key in told if key.startswith("best n-gram (order "))
    assert (
        " nats a character (the network's is " in told[order] and "nats a nats" not in told[order]
    )
    assert told["training time"].endswith("tokens/s)")
