"""hydra/sweeper=grid, optuna and hydra/launcher=processes: Hydra takes them from here alone.

Hydra imports the module whenever it starts, so what they need comes with their first job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from rnnx.errors import ConfigError


class GridSweeper(BasicSweeper):  # type: ignore[misc]
    """Hydra's own sweeper, without a configuration of every job before the first one starts."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.launcher = _watched(self.launcher, config)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Every value was checked when the sweep began; a job checks them all together."""

    @staticmethod
    def check(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
        """An interval has no end of values."""
        for override in overrides:
            if override.is_interval_sweep():
                raise ConfigError(
                    f"{override.input_line}: is no list of values; search in it with "
                    "hydra/sweeper=optuna"
                )


class OptunaSweeper(Sweeper):  # type: ignore[misc]
    """Values that Optuna proposes from what came of those before: see rnnx.search."""

    def __init__(self, params: Mapping[str, str] | None, **settings: Any) -> None:
        self._params, self._settings = params or {}, settings

    @staticmethod
    def check(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
        """What can be wrong with the settings and the space."""
        from rnnx.sweeps.search import check

        check(overrides, settings)

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self._config, self._context = config, hydra_context
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self._launcher = _watched(launcher, config)

    def sweep(self, arguments: list[str]) -> None:
        from rnnx.sweeps.search import run

        texts = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        last = {o.get_key_element(): o for o in parser.parse_overrides(texts)}
        run(list(last.values()), self._settings, self._config, self._launcher)


class ProcessLauncher(Launcher):  # type: ignore[misc]
    """A process a job, several at once: see rnnx.launcher."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.sweeps.launcher import launch

        return launch(self._config, job_overrides, initial_job_idx)

    def stream(self, jobs: Iterator[Any], ended: Callable[[Any], None]) -> None:
        """Jobs that are asked for one at a time, when there is room for one."""
        from rnnx.sweeps.launcher import stream

        stream(self._config, jobs, ended)


class ElsewhereLauncher:
    """Any other launcher, watched over: see rnnx.cluster."""

    def __init__(self, engine: Any, config: Any) -> None:
        self._engine, self._config = engine, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.sweeps.cluster import launch

        return launch(self._engine, self._config, job_overrides, initial_job_idx)


def _watched(launcher: Any, config: Any) -> Any:
    if isinstance(launcher, ProcessLauncher | BasicLauncher):
        return launcher
    return ElsewhereLauncher(launcher, config)


def _store(group: str, name: str, cls: type, **values: Any) -> None:
    node = {"_target_": f"{cls.__module__}.{cls.__name__}", **values}
    ConfigStore.instance().store(group=group, name=name, node=node)


_store("hydra/sweeper", "grid", GridSweeper, max_batch_size=None, params={})
_store(
    "hydra/sweeper",
    "optuna",
    OptunaSweeper,
    n_trials=20,
    sampler="tpe",
    seed=0,
    pruner="median",
    params={},
)
_store("hydra/launcher", "processes", ProcessLauncher)
