"""The jobs of a sweep, listed before the first one starts."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.errors import ConfigError
from rnnx.sweeps.space import Space, keys_of
from rnnx.sweeps.words import Sample, Shuffle
from rnnx.system.files import replacing

MAX_JOBS = 10_000
FILE = "plan.json"  # in the sweep's folder


class Plan(NamedTuple):
    """The jobs of a sweep, in the order in which they start."""

    jobs: list[list[str]]  # the overrides of each
    keys: list[str]  # those that differ between jobs
    notes: list[str]  # what a user should know of the list
    read: list[str] = []  # noqa: RUF012 - digests of the files whose values are in it


def make_plan(
    space: Space,
    draw: Sample | Shuffle | None,
    seeds: range,
    values_of: Callable[[list[str]], Mapping[str, Any]],
) -> Plan:
    """List the jobs of a space; ConfigError where they are too many.

    ``seeds``: every combination is trained with each of them; none: with its own alone.
    ``values_of`` composes a job's configuration from its overrides: of jobs with equal
    configurations the first one is kept.
    """
    size, each = space.size, len(seeds) or 1
    wanted = min(size, draw.count) if isinstance(draw, Sample) else size
    if wanted * each > MAX_JOBS:
        raise ConfigError(
            f"this sweep has {wanted * each:,} jobs; at most {MAX_JOBS:,} are run. Give fewer "
            f"values, or draw some of them: 'sample({min(50, MAX_JOBS // each) or 1})'"
        )
    order = permutation(size, draw.seed) if draw else iter(range(size))
    fixed = [f"{key}={text}" for key, text in space.fixed.items()]
    jobs: list[list[str]] = []
    seen: set[bytes] = set()  # digests: of ten thousand jobs, texts would take many megabytes
    looked = equal = 0
    for number in order:
        own = [f"{key}={text}" for key, text in space[number].items()]
        looked += 1
        text = json.dumps(values_of([*fixed, *own]), sort_keys=True, default=str)
        known = hashlib.sha256(text.encode()).digest()
        if known in seen:
            equal += 1
            continue
        seen.add(known)
        jobs += _seeded([*fixed, *own], seeds)
        if len(seen) == wanted or looked == MAX_JOBS:
            break
    keys = [*keys_of(space.parts), *(["seed"] if seeds else [])]
    return Plan(jobs, keys, list(_notes(draw, size, len(seen), equal)))


def _seeded(job: list[str], seeds: range) -> Iterator[list[str]]:
    if not seeds:
        yield job
    for seed in seeds:
        yield [*(text for text in job if not text.startswith("seed=")), f"seed={seed}"]


def _notes(draw: Sample | Shuffle | None, size: int, kept: int, equal: int) -> Iterator[str]:
    if isinstance(draw, Sample) and kept < draw.count:
        yield f"{draw}: there are {size - equal:,} combinations, all are tried"
    elif isinstance(draw, Sample):
        yield f"{draw}: {kept:,} of {size:,} combinations"
    if equal:
        one, more = "equals an earlier one and is", "equal earlier ones and are"
        yield f"{equal:,} combination{f' {one}' if equal == 1 else f's {more}'} left out"


def permutation(size: int, seed: int) -> Iterator[int]:
    """The numbers below ``size`` in an order that ``seed`` draws, without listing them.

    The first n are the same however many are taken: a larger sample begins with a smaller one.
    """
    moved: dict[int, int] = {}  # of Fisher and Yates's shuffle, where it differs from the start
    generator = random.Random(seed)
    for place in range(size):
        other = generator.randrange(place, size)
        yield moved.get(other, other)
        moved[other] = moved.pop(place, place)


def write_plan(jobs: Sequence[Sequence[str]], folder: Path) -> None:
    """Write the jobs for the sweeper, which Hydra makes."""
    with replacing(folder / FILE) as temporary:
        temporary.write_text(json.dumps(list(jobs)), "utf-8")


def read_plan(folder: Path) -> list[list[str]]:
    """The jobs that the driver has listed."""
    jobs: list[list[str]] = json.loads((folder / FILE).read_text("utf-8"))
    return [[*map(sys.intern, job)] for job in jobs]  # which share most of their texts
