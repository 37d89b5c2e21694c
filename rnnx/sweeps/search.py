"""A search instead of a grid: Optuna proposes the values of a job from the results of others."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnx.config.overrides import refuse_unknown_settings
from rnnx.contracts.ranges import require
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.conditions import conditions_of, draw
from rnnx.sweeps.distributions import as_text, distribution
from rnnx.sweeps.find import sweep_of
from rnnx.sweeps.halving import SETTINGS, begin_halving, validate_halving
from rnnx.sweeps.study import PRUNED, STUDY, optuna, pruner_named, study_storage
from rnnx.sweeps.words import When, parse_word
from rnnx.system.png import drawing, png_bytes
from rnnx.system.signals import Stop

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


MAX_DRAWS = 100  # of values that were tried already, before a search ends
# Fields of sweep.json:
STOPPED_TRIALS = "again"  # the values of trials that were stopped
CONDITIONS = "when"  # the words of the command that are conditions


def validate(overrides: Sequence[Override], settings: Mapping[str, Any]) -> None:
    """ConfigError for settings or values that a search cannot work with."""
    refuse_unknown_settings(settings, ("n_trials", "sampler", "seed", *SETTINGS))
    n_trials, seed = settings["n_trials"], settings["seed"]
    is_count = type(n_trials) is int and n_trials >= 1
    require(is_count, "hydra.sweeper.n_trials", "a whole number of at least 1", n_trials)
    is_seed = seed is None or (type(seed) is int and 0 <= seed < 2**32)
    require(is_seed, "hydra.sweeper.seed", "null or a whole number, 0 … 2³² − 1", seed)
    _sampler(settings["sampler"], settings["seed"])
    pruner_named(settings["pruner"])
    validate_halving(settings)
    for override in overrides:
        if override.is_sweep_override():
            distribution(override)


class Search:
    """A search: proposes the overrides of its next job, and learns from the results."""

    def __init__(
        self, sweep: Sweep, overrides: Sequence[Override], settings: Mapping[str, Any]
    ) -> None:
        """``settings``: n_trials, sampler, seed and pruner of ``hydra.sweeper``."""
        self.sweep = sweep
        self._n_trials = settings["n_trials"]
        self._fixed = [o.input_line for o in overrides if not o.is_sweep_override()]
        swept = [o for o in overrides if o.is_sweep_override()]
        self._space = {o.get_key_element(): distribution(o) for o in swept}
        words = map(parse_word, sweep.read().get(CONDITIONS, []))
        self._conditions = conditions_of(word for word in words if isinstance(word, When))
        self._study = optuna().create_study(
            study_name=STUDY,
            storage=study_storage(sweep),
            load_if_exists=True,
            pruner=pruner_named(settings["pruner"]),
        )
        drawn = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = _sampler(settings["sampler"], _seed(settings["seed"], drawn))
        self._enqueue_stopped()

    def _enqueue_stopped(self) -> None:
        """Let the trials that were stopped, or whose driver was killed, be tried first."""
        states = optuna().trial.TrialState
        for trial in self._study.get_trials(states=(states.RUNNING,)):
            result = self.sweep.result(trial.number)
            if result is not None and result.succeeded:  # its driver was killed before it knew
                self.tell(result)
            else:
                self._keep_for_later(trial.params)
                self._study.tell(trial.number, state=states.FAIL)
        for values in self.sweep.read().get(STOPPED_TRIALS, []):
            self._study.enqueue_trial(values)
        self.sweep.write({STOPPED_TRIALS: []})
        for result in self.sweep.results():
            if result.status == "KILLED":  # its values get a new job, which has the result
                self.sweep.forget(result.job)

    def _keep_for_later(self, values: Mapping[str, Any]) -> None:
        """Keep the values of a trial that was stopped, once."""
        stopped = self.sweep.read().get(STOPPED_TRIALS, [])
        if values not in stopped:
            self.sweep.write({STOPPED_TRIALS: [*stopped, dict(values)]})

    def jobs(self) -> Iterator[tuple[int, list[str]]]:
        """Number and overrides of each job; take the next one when a processor is free for it.

        No two have the same values, unless a job with them has failed or was stopped before.
        """
        states = optuna().trial.TrialState
        done = self._study.get_trials(states=(states.COMPLETE, states.PRUNED), deepcopy=False)
        tried = {_values_of(trial) for trial in done}
        for _ in range(self._n_trials - len(done)):
            drawn = self._draw_anew(tried)
            if drawn is None:
                print(
                    f"rnnx: {MAX_DRAWS} draws in a row found no values that the search has not "
                    f"tried: it ends after {len(tried)} of {self._n_trials} trials",
                    file=sys.stderr,
                )
                return
            number, values = drawn
            yield number, [*self._fixed, *(f"{key}={text}" for key, text in values.items())]

    def _draw_anew(self, tried: set[frozenset[object]]) -> tuple[int, dict[str, str]] | None:
        """A trial's number and values, which join those tried; None where draws find no others."""
        own = self._study.sampler
        fixed = dict(text.partition("=")[::2] for text in self._fixed)
        try:
            for attempt in range(MAX_DRAWS):
                if attempt == MAX_DRAWS // 2:  # one that has found its best draws little else
                    self._study.sampler = optuna().samplers.RandomSampler(seed=len(tried))
                trial = self._study.ask(self._space)
                values = {key: as_text(trial.params[key]) for key in self._space}
                values |= draw(trial, self._conditions, {**fixed, **values})
                if (own_values := _values_of(trial)) not in tried:
                    tried.add(own_values)
                    return trial.number, values
                self._study.tell(trial.number, state=optuna().trial.TrialState.FAIL)
        finally:
            self._study.sampler = own
        return None

    def tell(self, result: JobResult) -> None:
        """Learn from the result of a job."""
        # Optuna looks for the lowest: of a metric of which more is better it is told the negative.
        states, cost = optuna().trial.TrialState, result.cost
        trial = self._study.get_trials(deepcopy=False)[result.job]
        if result.status == "KILLED":
            self._keep_for_later(trial.params)
        if result.reason == PRUNED:
            self._study.tell(result.job, state=states.PRUNED)
        elif result.succeeded and math.isfinite(cost):
            self._study.tell(result.job, cost)
        else:
            self._study.tell(result.job, state=states.FAIL)

    def draw_importances(self) -> None:
        """Draw how much each key mattered, for the parent's run."""
        states = optuna().trial.TrialState
        if len(self._study.get_trials(states=(states.COMPLETE,), deepcopy=False)) < 2:
            return
        try:
            with warnings.catch_warnings(action="ignore"):  # few trials have a conditional key
                importances = optuna().importance.get_param_importances(self._study)
        except (RuntimeError, ValueError):  # all losses are equal, or a key had one value alone
            return
        self.sweep.artifacts.mkdir(exist_ok=True)
        (self.sweep.artifacts / "importance.png").write_bytes(_draw(importances))


def search(
    overrides: Sequence[Override], settings: Mapping[str, Any], config: Any, launcher: Any
) -> None:
    """Search until ``n_trials`` were finished or pruned, in this command or before."""
    sweep = sweep_of(config.hydra)
    begin_halving(sweep, settings, config.eval_every)
    study = Search(sweep, overrides, settings)
    if hasattr(launcher, "stream"):
        launcher.stream(study.jobs(), study.tell)
    else:
        _search_in_batches(study, config.jobs or 1, launcher)
    study.draw_importances()


def _search_in_batches(study: Search, size: int, launcher: Any) -> None:
    """Let a launcher that starts a batch at once run the jobs, ``size`` at a time."""
    jobs = study.jobs()
    with Stop() as stop:
        while not stop.signal and (batch := list(itertools.islice(jobs, size))):
            launcher.launch([overrides for _, overrides in batch], batch[0][0])
            for job, _ in batch:
                if (result := study.sweep.result(job)) is not None:
                    study.tell(result)


def _values_of(trial: Any) -> frozenset[object]:
    return frozenset(trial.params.items())


def _seed(seed: int | None, drawn: int) -> int | None:
    """The seed of a sampler after so many trials: one that is continued draws new values."""
    if seed is None or not drawn:
        return seed
    return int(np.random.SeedSequence([seed, drawn]).generate_state(1)[0])


def _sampler(name: str, seed: int | None) -> Any:
    library = optuna().samplers
    samplers: dict[str, Callable[[], Any]] = {
        # constant_liar: a job that still runs counts as bad, or jobs side by side would be equal.
        "tpe": lambda: library.TPESampler(seed=seed, constant_liar=True),
        "random": lambda: library.RandomSampler(seed=seed),
    }
    if name not in samplers:
        raise ConfigError(f"hydra.sweeper.sampler={name}: choose from {', '.join(samplers)}")
    return samplers[name]()


@drawing()
def _draw(importances: Mapping[str, float]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.4 * len(importances)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(importances), list(importances.values()))
    axes.invert_yaxis()  # the most important one on top
    axes.set(xlabel="importance for the best held-out loss (a fraction of 1)", xlim=(0, 1))
    return png_bytes(figure)
