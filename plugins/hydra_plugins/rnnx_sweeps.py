"""hydra/sweeper=grid and optuna, hydra/launcher=processes: Hydra finds plugins in this package.

Hydra imports this module at every start, so heavy imports wait for the first job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from rnnx.errors import ConfigError


class _Sweeper(Sweeper):  # type: ignore[misc]
    """A sweeper with its launcher, and the values that a file of configuration sweeps."""

    def __init__(self, params: Mapping[str, str] | None) -> None:
        self._params = params or {}

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        from rnnx.sweeps.find import sweep_of

        sweep_of(config.hydra).refuse_none()
        self._config, self._loader = config, hydra_context.config_loader
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self._launcher = _watched(launcher, config)

    def _overrides(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides of file and command line; the last one of each key."""
        from rnnx.config.overrides import spelled

        own = spelled([f"{key}={value}" for key, value in self._params.items()], several=True)
        texts = [*own, *arguments]
        parsed = OverridesParser.create(config_loader=self._loader).parse_overrides(texts)
        return list({override.get_key_element(): override for override in parsed}.values())


class GridSweeper(_Sweeper):
    """The jobs that the driver has listed: every combination of the values, or some of them.

    Unlike Hydra's own sweeper it composes no job before the first one starts: every value was
    checked when the sweep began, and a job checks its values together.
    """

    planned = True  # for rnnx.sweeps.grid, which lists the jobs

    def __init__(
        self,
        max_batch_size: int | None,
        params: Mapping[str, str] | None,
        words: Sequence[str],
        **pruning: Any,
    ) -> None:
        """``words`` are in the driver's list of jobs."""
        super().__init__(params)
        self._max_batch_size, self._pruning = max_batch_size, pruning

    @staticmethod
    def validate(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
        """ConfigError for values that cannot be listed, or a size that is none."""
        from rnnx.config.overrides import refuse_unknown_settings
        from rnnx.sweeps.halving import NAME, SETTINGS, validate_halving

        refuse_unknown_settings(settings, ("max_batch_size", *SETTINGS))
        validate_halving(settings)
        if settings["pruner"] not in ("none", NAME):
            raise ConfigError(
                f"hydra.sweeper.pruner={settings['pruner']}: choose from none, {NAME}; a search, "
                "hydra/sweeper=optuna, has more"
            )
        for override in overrides:
            if override.is_interval_sweep():
                raise ConfigError(
                    f"{override.input_line}: is no list of values; search in it with "
                    "hydra/sweeper=optuna"
                )
        size = settings["max_batch_size"]
        if size is not None and (type(size) is not int or size < 1):
            raise ConfigError(f"hydra.sweeper.max_batch_size={size}: must be at least 1")

    def sweep(self, arguments: list[str]) -> None:
        from rnnx.sweeps.find import sweep_of
        from rnnx.sweeps.halving import begin_halving
        from rnnx.sweeps.plan import read_plan

        begin_halving(sweep_of(self._config.hydra), self._pruning, self._config.eval_every)
        folder = Path(self._config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self._config, folder / "multirun.yaml")  # as Hydra's own sweeper does
        jobs = read_plan(sweep_of(self._config.hydra).path)
        size = self._max_batch_size or len(jobs)
        for first in range(0, len(jobs), size):
            for returned in self._launcher.launch(jobs[first : first + size], first):
                _ = returned.return_value  # raises what the job raised


class OptunaSweeper(_Sweeper):
    """Values that Optuna proposes from earlier results: see rnnx.sweeps.search."""

    def __init__(
        self, params: Mapping[str, str] | None, words: Sequence[str], **settings: Any
    ) -> None:
        """``words`` are among the conditions that the driver keeps."""
        super().__init__(params)
        self._settings = settings

    @staticmethod
    def validate(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
        """ConfigError for settings or values that a search cannot work with."""
        from rnnx.sweeps.search import validate

        validate(overrides, settings)

    @staticmethod
    def validate_conditions(words: Sequence[Any]) -> None:
        """ConfigError for words when(…) whose values cannot be searched."""
        from rnnx.sweeps.conditions import conditions_of

        conditions_of(words)

    def sweep(self, arguments: list[str]) -> None:
        from rnnx.sweeps.search import search

        search(self._overrides(arguments), self._settings, self._config, self._launcher)


class ProcessLauncher(Launcher):  # type: ignore[misc]
    """Jobs in processes of their own, several at once: see rnnx.sweeps.launcher."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.sweeps.launcher import launch

        return launch(self._config, job_overrides, initial_job_idx)

    def stream(self, jobs: Iterator[Any], ended: Callable[[Any], None]) -> None:
        """Run jobs that are asked for one at a time, when a processor is free."""
        from rnnx.sweeps.launcher import stream

        stream(self._config, jobs, ended)


class WatchedLauncher:
    """A launcher that starts jobs elsewhere, and the watch over them: see rnnx.sweeps.cluster."""

    def __init__(self, launcher: Any, config: Any) -> None:
        self._launcher, self._config = launcher, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from rnnx.sweeps.cluster import launch

        return launch(self._launcher, self._config, job_overrides, initial_job_idx)


def _watched(launcher: Any, config: Any) -> Any:
    """The launcher, watched unless it is ours or Hydra's own, which runs jobs in this process."""
    is_hydras_own = type(launcher).__module__.partition(".")[0] == "hydra"
    if isinstance(launcher, ProcessLauncher) or is_hydras_own:
        return launcher
    return WatchedLauncher(launcher, config)


def _store(group: str, name: str, cls: type, **values: Any) -> None:
    node = {"_target_": f"{cls.__module__}.{cls.__name__}", **values}
    ConfigStore.instance().store(group=group, name=name, node=node)


_HALVING = {"min_steps": None, "factor": 3}
_store(
    "hydra/sweeper",
    "grid",
    GridSweeper,
    max_batch_size=None,
    pruner="none",
    params={},
    words=[],
    **_HALVING,
)
_store(
    "hydra/sweeper",
    "optuna",
    OptunaSweeper,
    n_trials=20,
    sampler="tpe",
    seed=0,
    pruner="median",
    params={},
    words=[],
    **_HALVING,
)
_store("hydra/launcher", "processes", ProcessLauncher)
