"""A run's folder as a kill leaves it."""

import shutil
from pathlib import Path

from rnnx.runs.folder import RunFolder
from rnnx.training.report import Silent
from rnnx.training.session import Session


class KilledAt(Silent):
    """Copies the run's folder when the held-out loss of a step is reported: what a kill leaves."""

    def __init__(self, step: int) -> None:
        self.step, self.left = step, Path("killed")

    def start(self, session: Session, folder: RunFolder) -> None:
        self.folder = folder

    def evaluated(self, session: Session, loss: float) -> None:
        if session.steps == self.step:
            left = self.left / self.folder.id
            shutil.copytree(self.folder.path, left, ignore=shutil.ignore_patterns(".*.tmp"))
            self.left = left
