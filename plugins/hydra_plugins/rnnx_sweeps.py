"""hydra/sweeper=grid and hydra/launcher=processes: Hydra takes them from this namespace alone.

Hydra imports the module whenever it starts, so what the launcher needs comes with its first job.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher


class GridSweeper(BasicSweeper):  # type: ignore[misc]
    """Hydra's own sweeper, without a configuration of every job before the first one starts."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Every value was checked when the sweep began; a job checks them all together."""


class ProcessLauncher(Launcher):  # type: ignore[misc]
    """A process a job, several at once: see rnnx.launcher."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.launcher import launch

        return launch(self._config, job_overrides, initial_job_idx)


def _store(group: str, name: str, cls: type, **values: Any) -> None:
    node = {"_target_": f"{cls.__module__}.{cls.__name__}", **values}
    ConfigStore.instance().store(group=group, name=name, node=node)


_store("hydra/sweeper", "grid", GridSweeper, max_batch_size=None, params={})
_store("hydra/launcher", "processes", ProcessLauncher)
