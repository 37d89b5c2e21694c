"""Which checkpoints a run's folder keeps.

step_<n>.safetensors               the recent ones
last.safetensors                   the newest of these
best.safetensors                   of the lowest held-out loss
best_before_the_end.safetensors    the best until then, where that of the end is better
"""

from __future__ import annotations

import os
import shutil

from rnnx.runs.folder import BEST_BEFORE_END, RunFolder
from rnnx.system.files import replacing


def keep_recent(folder: RunFolder, step: int, count: int) -> None:
    """Make the checkpoint of ``step`` the last one, and keep ``count`` checkpoints up to it.

    Newer ones were damaged: the run was resumed from an older one.
    """
    newest = folder.recent(step)
    with replacing(folder.last) as temporary:
        try:
            os.link(newest, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(newest, temporary)
    recent = sorted(folder.checkpoints.glob("step_*.safetensors"))
    place = recent.index(newest)
    for path in recent[place + 1 :]:
        path.rename(path.with_suffix(".damaged"))
    for path in recent[: max(place + 1 - count, 0)]:
        path.unlink(missing_ok=True)


def set_best_aside(folder: RunFolder) -> None:
    """Keep the best checkpoint before the end writes a better one, which a longer run must not see.

    The end's was written after the final samples, and at a step that a longer run may not evaluate.
    """
    if folder.best.is_file():
        folder.best.replace(folder.checkpoints / BEST_BEFORE_END)


def clean_up(folder: RunFolder) -> None:
    """Make the folder what a resumed run expects; the caller holds the run's lock.

    What killed processes left half written is deleted, and the best checkpoint from before the end
    is the best again.
    """
    for place in (folder.path, folder.checkpoints):
        for path in place.glob(".*.tmp"):
            path.unlink(missing_ok=True)
    before = folder.checkpoints / BEST_BEFORE_END
    if before.is_file():
        before.replace(folder.best)
