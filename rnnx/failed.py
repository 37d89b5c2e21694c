"""The end of a run that fails: what it learned is kept, and nothing stays RUNNING."""

from __future__ import annotations

import traceback
from contextlib import suppress

from rnnx.printing import reason
from rnnx.runfolder import RunFolder
from rnnx.tracking import Tracking

HURRY = 1.0  # seconds for all that a run which was told twice to stop has left for its tracker


def fail(tracking: Tracking, folder: RunFolder, error: BaseException) -> None:
    """End the run; what it learned is sent, too, unless somebody is in a hurry."""
    if isinstance(error, KeyboardInterrupt | SystemExit | BrokenPipeError):
        with suppress(OSError):
            tracking.finish("KILLED", reason(error), total=HURRY)
        return
    with suppress(Exception):  # the error that counts is the one that brought us here
        path = folder.path / "traceback.txt"
        path.write_text("".join(traceback.format_exception(error)), "utf-8")
        tracking.file(path)
    with suppress(Exception):
        tracking.artifacts()
    with suppress(OSError):
        tracking.finish("FAILED", reason(error))
