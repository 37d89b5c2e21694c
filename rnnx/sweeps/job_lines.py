"""What a sweep prints while its jobs run: a line a job, and below them on a terminal how many."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.ranking import result_line


class JobLines:
    """``with JobLines(sweep, total, console) as lines:``; ``total`` 0: nobody knows how many."""

    def __init__(self, sweep: Sweep, total: int, console: Any) -> None:
        self._sweep, self._total, self._console = sweep, total, console
        self._bar: Any = None
        self._ended = 0

    def __enter__(self) -> JobLines:
        if self._console.is_terminal:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.TimeElapsedColumn(),
                console=self._console,
                transient=True,  # the table follows
            )
            self._task = self._bar.add_task(self._counted(), total=None)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, result: JobResult) -> None:
        """Print the line of a job that has ended."""
        self._ended += 1
        line = result_line(self._sweep, result, self._total)
        if self._bar is None:
            print(line, flush=True)
        else:
            self._console.print(line, soft_wrap=True)
            self._bar.update(self._task, description=self._counted())

    def _counted(self) -> str:
        of = f" of {self._total}" if self._total else ""
        return f"{self._ended}{of} jobs done"
