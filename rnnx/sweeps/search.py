"""A search instead of a grid: Optuna asks for the next values and is told what came of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnnx.contracts.ranges import require
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.orphans import sweep_of
from rnnx.sweeps.study import NAME, PRUNED, optuna, pruner, storage
from rnnx.system.png import png_bytes
from rnnx.system.signals import Stop

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


AGAIN = "again"  # in sweep.json: the values of trials that were stopped


def check(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
    """ConfigError for a search that cannot be begun."""
    n_trials = settings["n_trials"]
    require(n_trials >= 1, "hydra.sweeper.n_trials", "at least 1", n_trials)
    _sampler(settings["sampler"], settings["seed"])
    pruner(settings["pruner"])
    for override in overrides:
        if override.is_sweep_override():
            _distribution(override)


class Search:
    """One search: the overrides of its next job, and what was learned."""

    def __init__(
        self, sweep: Sweep, overrides: Sequence[Override], settings: Mapping[str, Any]
    ) -> None:
        """``settings``: n_trials, sampler, seed and pruner of ``hydra.sweeper``."""
        self.sweep = sweep
        self._n_trials = settings["n_trials"]
        self._fixed = [o.input_line for o in overrides if not o.is_sweep_override()]
        swept = [o for o in overrides if o.is_sweep_override()]
        self._space = {o.get_key_element(): _distribution(o) for o in swept}
        sweep.write({"pruner": settings["pruner"]})
        self._study = optuna().create_study(
            study_name=NAME,
            storage=storage(sweep),
            load_if_exists=True,
            sampler=_sampler(settings["sampler"], settings["seed"]),
            pruner=pruner(settings["pruner"]),
        )
        self._take_up_stopped()

    def _take_up_stopped(self) -> None:
        """Trials that were stopped, or whose driver was killed, are tried first, as new trials."""
        states = optuna().trial.TrialState
        stopped = self.sweep.read().get(AGAIN, [])
        for trial in self._study.get_trials(states=(states.RUNNING,)):
            stopped.append(trial.params)
            self._study.tell(trial.number, state=states.FAIL)
        for values in stopped:
            self._study.enqueue_trial(values)
        self.sweep.write({AGAIN: []})

    def jobs(self) -> Iterator[tuple[int, list[str]]]:
        """Number and overrides of each job, asked for when there is room for it."""
        states = optuna().trial.TrialState
        done = self._study.get_trials(states=(states.COMPLETE, states.PRUNED), deepcopy=False)
        for _ in range(self._n_trials - len(done)):
            trial = self._study.ask(self._space)
            values = [f"{key}={_spelled(value)}" for key, value in trial.params.items()]
            yield trial.number, [*self._fixed, *values]

    def tell(self, outcome: JobResult) -> None:
        """What came of a job."""
        states, loss = optuna().trial.TrialState, outcome.best_val_loss
        trial = self._study.get_trials(deepcopy=False)[outcome.job]
        if outcome.status == "KILLED":
            self.sweep.write({AGAIN: [*self.sweep.read().get(AGAIN, []), trial.params]})
        if outcome.reason == PRUNED:
            self._study.tell(outcome.job, state=states.PRUNED)
        elif outcome.status in ("FINISHED", "SKIPPED") and loss is not None and math.isfinite(loss):
            self._study.tell(outcome.job, loss)
        else:
            self._study.tell(outcome.job, state=states.FAIL)

    def conclude(self) -> None:
        """Draw how much each key mattered, for the parent's run."""
        states = optuna().trial.TrialState
        if len(self._study.get_trials(states=(states.COMPLETE,), deepcopy=False)) < 2:
            return
        try:
            shares = optuna().importance.get_param_importances(self._study)
        except (RuntimeError, ValueError):  # all losses equal, or one value alone was tried
            return
        self.sweep.artifacts.mkdir(exist_ok=True)
        _draw(shares, self.sweep)


def run(
    overrides: Sequence[Override], settings: Mapping[str, Any], config: Any, launcher: Any
) -> None:
    """Search until ``n_trials`` have succeeded or were ended early, in this command or before."""
    sweep = sweep_of(config.hydra)
    search = Search(sweep, overrides, settings)
    if hasattr(launcher, "stream"):
        launcher.stream(search.jobs(), search.tell)
    else:
        jobs = search.jobs()
        with Stop() as stop:
            while not stop.signal and (batch := list(itertools.islice(jobs, config.jobs or 1))):
                launcher.launch([overrides for _, overrides in batch], batch[0][0])
                for job, _ in batch:
                    if (outcome := sweep.outcome(job)) is not None:
                        search.tell(outcome)
    search.conclude()


def _distribution(override: Override) -> Any:
    """What Optuna draws from, for ``a,b``, ``range(…)``, ``interval(…)`` and ``tag(log, …)``."""
    kinds = optuna().distributions
    value, log = override.value(), "log" in getattr(override.value(), "tags", ())
    if override.is_interval_sweep():
        kind = kinds.IntDistribution if _whole(value.start, value.end) else kinds.FloatDistribution
        try:
            return kind(value.start, value.end, log=log)
        except ValueError:
            least = ", and a logarithm's above 0" if log else ""
            raise ConfigError(
                f"{override.input_line}: the first end must be below the second{least}"
            ) from None
    if override.is_range_sweep() and _whole(value.start, value.stop, value.step) and value.step > 0:
        last = value.stop - 1 - (value.stop - 1 - value.start) % value.step
        return kinds.IntDistribution(value.start, last, step=value.step)
    return kinds.CategoricalDistribution(list(override.sweep_string_iterator()))


def _whole(*numbers: object) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _spelled(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _sampler(name: str, seed: int | None) -> Any:
    library = optuna().samplers
    kinds: dict[str, Callable[[], Any]] = {
        # Jobs side by side: what has no result yet counts as bad, or all would try the same.
        "tpe": lambda: library.TPESampler(seed=seed, constant_liar=True),
        "random": lambda: library.RandomSampler(seed=seed),
    }
    if name not in kinds:
        raise ConfigError(f"hydra.sweeper.sampler={name}: choose from {', '.join(kinds)}")
    return kinds[name]()


def _draw(shares: Mapping[str, float], sweep: Sweep) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.4 * len(shares)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(shares), list(shares.values()))
    axes.invert_yaxis()  # the most important one on top
    axes.set(xlabel="importance for the best held-out loss (a share of 1)", xlim=(0, 1))
    (sweep.artifacts / "importance.png").write_bytes(png_bytes(figure))
