"""hydra/launcher=processes: Hydra takes launchers from this namespace alone.

Hydra imports the module whenever it starts, so what the launcher needs comes with its first job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher


class ProcessLauncher(Launcher):  # type: ignore[misc]
    """A process a job, several at once: see rnnx.launcher."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.launcher import launch

        return launch(self._config, job_overrides, initial_job_idx)


ConfigStore.instance().store(
    group="hydra/launcher",
    name="processes",
    node={"_target_": f"{ProcessLauncher.__module__}.{ProcessLauncher.__name__}"},
)
