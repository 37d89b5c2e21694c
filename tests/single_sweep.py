"""The only sweep in the working folder: what it is and how its jobs ended."""

from pathlib import Path

import pytest

from rnnx.runs.sweep_folder import JobResult, Sweep


def only_sweep() -> Sweep:
    """The sweep; an error if there is none or several."""
    (path,) = Path("outputs/sweeps").glob("*/sweep.json")
    return Sweep(path.parent)


def results() -> list[JobResult]:
    """The result of each of its jobs."""
    return only_sweep().results()


def statuses() -> list[str]:
    """The status of each of its jobs."""
    return [result.status for result in results()]


def lose(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a data file, which goes away when the first job trains."""
    from rnnx.training.session import Session

    update = Session.update

    def without(self: Session) -> float:
        file.unlink(missing_ok=True)
        return update(self)

    file.write_text("anna\nben\n" * 9)
    monkeypatch.setattr(Session, "update", without)
