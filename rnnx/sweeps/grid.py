"""The values that a sweep tries, checked before any job starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import OmegaConf

from rnnx.config.compose import composer
from rnnx.config.composer import Composer
from rnnx.config.overrides import SEARCHPATH, Overrides, parse, parse_job
from rnnx.config.recipes import SWEEPERS, sweepers_of_recipes
from rnnx.config.resolved import ResolvedConfig
from rnnx.errors import ConfigError
from rnnx.sweeps.building import Builder
from rnnx.sweeps.conditions import conditions_of
from rnnx.sweeps.halving import refuse_no_rungs
from rnnx.sweeps.intervals import with_int_ends, with_int_intervals
from rnnx.sweeps.job_configs import JobConfigs
from rnnx.sweeps.job_data import JobData
from rnnx.sweeps.plan import Plan, make_plan
from rnnx.sweeps.recipe_words import keys_named, refuse_more_than_values, words_of_recipe
from rnnx.sweeps.space import GROUPS, Space, keys_of
from rnnx.sweeps.words import Interval, Part, Sample, Shuffle, When, Word
from rnnx.training.sizing import Sizing

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


MAX_COMBINATIONS = 64  # combinations of components that are composed to check them
MAX_COVERED = 10_000  # combinations that are looked through for values not checked yet


class SweepCommand(NamedTuple):
    """What the command of a sweep asks for."""

    overrides: Overrides  # those of a recipe and those of the command line
    typed: Overrides  # those of the command line
    asked: list[str]  # the overrides and the words, as they were typed
    sweeper: dict[str, Any]  # hydra.sweeper
    seed: int  # of a job, where the command and its recipes sweep none
    replicates: int  # sweep.replicates
    words: tuple[tuple[int, Word], ...] = ()  # each with the number of typed overrides before it
    of_recipe: tuple[Word, ...] = ()  # those of them that a recipe has
    conflict: str = ""  # why the recipe's sweeper is not the one that sweeps

    @property
    def is_planned(self) -> bool:
        """Whether the sweeper runs a list of jobs that is made here."""
        from hydra.utils import get_class

        return bool(getattr(get_class(self.sweeper["_target_"]), "planned", False))

    @property
    def swept(self) -> list[str]:
        """The keys that have several values."""
        own = [str(override.key_or_group) for override in self.overrides.swept]
        of_words = (key for _, word in self.words for key in sorted(keys_named(word)))
        return list(dict.fromkeys([*own, *of_words]))

    @property
    def searchpath(self) -> Overrides:
        """The overrides that name folders of recipes."""
        return Overrides(tuple(o for o in self.overrides if o.key_or_group == SEARCHPATH))

    @property
    def fixed(self) -> Overrides:
        """The overrides of every job; those of Hydra itself go to Hydra once."""
        last = {str(o.get_key_element()): o for o in self.overrides}
        own = (o for o in last.values() if not str(o.key_or_group).startswith("hydra"))
        return Overrides(tuple(o for o in own if not o.is_sweep_override()))

    @property
    def parts(self) -> list[Override | Part]:
        """What has several values, in the order in which it was given."""
        last = {str(o.get_key_element()): o for o in self.overrides}
        before = len(self.overrides.parsed) - len(self.typed.parsed)  # those of the recipe
        found: list[Override | Part] = []
        for place, override in enumerate((*self.overrides, None)):
            at = (word for number, word in self.words if number + before == place)
            found += [word for word in at if not isinstance(word, Sample | Shuffle)]
            if override and override.is_sweep_override():
                found += [override] if last[str(override.get_key_element())] is override else []
        return found

    @property
    def draw(self) -> Sample | Shuffle | None:
        """The word that draws some combinations, or their order."""
        found = [word for _, word in self.words if isinstance(word, Sample | Shuffle)]
        if len(found) > 1:
            raise ConfigError(f"{found[0]} and {found[1]}: a sweep is drawn once; give one of them")
        return found[0] if found else None


class CheckedSweep(NamedTuple):
    """A command whose every value was checked."""

    configs: list[ResolvedConfig]  # in which every value occurs
    data: JobData  # of all jobs
    plan: Plan | None = None  # the jobs; None where a sweeper proposes them as it goes
    composed: JobConfigs | None = None  # those of the plan


def parse_and_validate(
    overrides: Overrides, words: Sequence[tuple[int, Word]]
) -> tuple[SweepCommand, CheckedSweep]:
    """Both below, in one Hydra: what both compose is composed once."""
    with composer() as make:
        command = parse_sweep(overrides, words, make)
        return command, validate_sweep(command, make)


def parse_sweep(
    overrides: Overrides, words: Sequence[tuple[int, Word]] = (), inside: Composer | None = None
) -> SweepCommand:
    """Bring together the command line and the recipe that it chooses with ``sweep=NAME``.

    A recipe sweeps with ``hydra.sweeper.params`` and ``.words``; the command line takes precedence.
    ``inside``: in the Hydra of this composer, else in one of its own.
    """
    single = overrides.single
    with nullcontext(inside) if inside else composer() as make:
        base = make(single)  # a wrong override is an error here, in rnnx's words
        hydra = make.hydra_node(single)
        sweeper: dict[str, Any] = dict(hydra.sweeper)
        given = overrides.keys.union(*(keys_named(word) for _, word in words))
        is_drawn = any(isinstance(word, Sample | Shuffle) for _, word in words)
        own = words_of_recipe(sweeper, given, is_drawn)
        every = [
            (place, with_int_intervals(word, lambda more: make(single + parse_job(more))))
            for place, word in [*((0, word) for word in own), *words]
        ]
    typed = Overrides(tuple(with_int_ends(override, base) for override in overrides))
    params = (sweeper.get("params") or {}).items()
    for key, value in params:
        if not isinstance(value, str | int | float):
            raise ConfigError(f"hydra.sweeper.params.{key}: give its values as one text: 'a,b'")
    listed = [f"{key}={value}" for key, value in params if key not in given]
    recipe = parse(listed, several=True)
    seed, replicates = OmegaConf.select(base, "seed"), OmegaConf.select(base, "sweep.replicates")
    conflict, asked = _conflict(hydra.runtime), list(overrides.texts)
    for before, word in reversed(words):
        asked.insert(before, str(word))
    return SweepCommand(
        recipe + typed, typed, asked, sweeper, seed, replicates, tuple(every), tuple(own), conflict
    )


def _conflict(runtime: Any) -> str:
    """Why the sweeper that a recipe chooses is not the one that sweeps; empty if it is."""
    for path, sweeper in sweepers_of_recipes(runtime):
        if sweeper != runtime.choices[SWEEPERS]:
            return (
                f"{path}: the command line chooses the sweeper, not a recipe; "
                f"say rnnx train -m {SWEEPERS}={sweeper} …"
            )
    return ""


def validate_sweep(command: SweepCommand, inside: Composer | None = None) -> CheckedSweep:
    """Check every value and list the jobs; ConfigError for the first wrong one.

    ``inside`` is as in :func:`parse_sweep`.
    """
    if not (command.swept or command.words or command.replicates != 1):
        raise ConfigError(
            "rnnx train -m: no key has several values, so there is nothing to sweep; say "
            "key=a,b or sweep=NAME, or leave -m out"
        )
    if command.conflict:
        raise ConfigError(command.conflict)
    _validate_sweeper(command)
    with nullcontext(inside) if inside else composer() as make:
        fixed = dict(str(o.input_line).partition("=")[::2] for o in command.fixed)
        make(command.overrides.single)  # after which Hydra knows a user's own recipes
        builder = Builder(make.options, fixed)
        for word in command.of_recipe:
            refuse_more_than_values(word, builder)
        space = builder.space(command.parts)
        made: dict[str, Any] = {}  # components, which most of these configurations share
        sizing = Sizing()
        composed = JobConfigs(make, command.searchpath, sizing)
        configs = [_checked(composed, fixed, job, made) for job in _to_check(space)]
        refuse_no_rungs(command.sweeper, configs)
        data = JobData()
        if not command.is_planned:
            for config in configs:
                data.add(config.values)
            return CheckedSweep(configs, data)

        def values_and_data_of(job: list[str]) -> Mapping[str, Any]:
            values = composed.values(job)
            data.add(values)
            return values

        seeds = _seeds(command, keys_of(space.parts))
        plan = make_plan(space, command.draw, seeds, values_and_data_of)
    sizing.forget_data()
    return CheckedSweep(configs, data, plan._replace(read=builder.read), composed)


def _validate_sweeper(command: SweepCommand) -> None:
    """Let rnnx's own sweepers check their settings and values; other sweepers cannot."""
    from hydra.utils import get_class

    sweeper = get_class(command.sweeper["_target_"])
    validate = getattr(sweeper, "validate", None)
    if validate is not None:
        validate(command.overrides.parsed, command.sweeper)
    words = [word for _, word in command.words]
    if command.is_planned:
        _refuse_intervals(words)
        return
    takes = "KEY=VALUES"
    if getattr(sweeper, "conditional", False):
        conditions_of(word for word in words if isinstance(word, When))
        takes, words = f"{takes} and when(…)", [w for w in words if not isinstance(w, When)]
    chosen = f"{SWEEPERS}={command.sweeper['_target_'].rpartition('.')[2]}"
    for override in command.overrides:
        if override.key_or_group == SWEEPERS:
            chosen = str(override.input_line)
    for word in words:
        raise ConfigError(
            f"{word}: {chosen} makes its jobs itself and takes {takes} alone; leave one out"
        )
    if command.replicates > 1:
        raise ConfigError(
            f"sweep.replicates={command.replicates}: {chosen} makes its jobs itself, each with one "
            "seed; leave one out"
        )


def _refuse_intervals(words: Iterable[object]) -> None:
    """ConfigError for an interval in a condition, where values are listed."""
    for word in words:
        if isinstance(word, Interval):
            raise ConfigError(f"{word}: list the values themselves: {word.key}=a,b")
        _refuse_intervals(getattr(word, "parts", ()))


def _seeds(command: SweepCommand, swept: Sequence[str]) -> range:
    """The seeds with which every combination is trained; none: it keeps its own."""
    if command.replicates == 1:
        return range(0)
    if "seed" in swept:
        raise ConfigError(
            f"sweep.replicates={command.replicates}: the sweep gives values to seed already; leave "
            "one of them out"
        )
    return range(command.seed, command.seed + command.replicates)


def _checked(
    composed: JobConfigs, fixed: Mapping[str, str], job: Mapping[str, str], made: dict[str, Any]
) -> ResolvedConfig:
    """The configuration of a job; ConfigError or UnknownComponent for a wrong value."""
    overrides = [f"{key}={text}" for key, text in {**fixed, **job}.items()]
    return ResolvedConfig.of(composed.values(overrides), made)


def _to_check(space: Space) -> Iterator[dict[str, str]]:
    """Combinations in which every value occurs.

    All combinations of components occur, since they decide which keys there are, and every other
    value once: composing takes a tenth of a second, and a wrong value is wrong beside any other.
    """
    values: set[tuple[str, str]] = set()
    choices: set[frozenset[object]] = set()
    for every_choice in (False, True):
        for job in itertools.islice(space.covering(every_choice), MAX_COVERED):
            chosen = {(key, text) for key, text in job.items() if key in GROUPS}
            choice = frozenset([*chosen, *job])
            is_new = choice not in choices and len(choices) < MAX_COMBINATIONS
            if is_new or not values.issuperset(job.items()):
                choices.add(choice)
                values.update(job.items())
                yield job
