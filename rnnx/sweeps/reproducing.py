"""A published table as a sweep: its words, and the runs that belong to each row and figure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from rnnx.comparison.published import Figure, Row, Table
from rnnx.comparison.reproduced import Entry, measured
from rnnx.comparison.runs import ComparedRun, jobs_of
from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.words import Values, is_word, value_of, values

Keys = Mapping[str, str]  # key → its values, in Hydra's grammar


class Part(NamedTuple):
    """What the runs of a row and a figure have beside those of others."""

    row: Row
    figure: Figure
    own: Keys


def sweep_words(table: Table, quick: bool, typed: Sequence[str] = ()) -> list[str]:
    """What ``rnnx train -m`` gets to train the table; ``typed`` are overrides of the user's."""
    common, parts = laid_out(table, quick, typed)
    grids = (", ".join(f"{key}={text}" for key, text in part.own.items()) for part in parts)
    return [
        *(f"{key}={text}" for key, text in common.items()),
        *dict.fromkeys(f"grid({inside})" for inside in grids),
    ]


def entries(table: Table, quick: bool, typed: Sequence[str], sweep: Sweep) -> list[Entry]:
    """What the runs of a sweep measured, for each row and figure, in the order of the table."""
    _, parts = laid_out(table, quick, typed)
    known = [{key: _known(text) for key, text in part.own.items()} for part in parts]
    runs: dict[int, list[ComparedRun]] = {place: [] for place in range(len(parts))}
    for run in jobs_of(sweep):
        settings = {key: _known(text) for key, text in run.settings.items()}
        fits = [place for place, own in enumerate(known) if own.items() <= settings.items()]
        most = max((len(known[place]) for place in fits), default=0)
        for place in fits:
            if len(known[place]) == most:
                runs[place].append(run)
    return [measured(part.row, part.figure, runs[place]) for place, part in enumerate(parts)]


def laid_out(table: Table, quick: bool, typed: Sequence[str]) -> tuple[Keys, list[Part]]:
    """The overrides of all runs, and those of each row and figure.

    A key has one value in a job: one that some rows set is set by each, and what is typed takes
    precedence over all.
    """
    for text in typed:
        if is_word(text):
            raise ConfigError(f"{text}: a table has words of its own; give KEY=VALUE here")
    user = _keys(typed)
    common = {**_keys([*table.overrides, *(table.quick if quick else [])]), **user}
    parts = [
        Part(row, figure, _keys(_own(row, figure, quick)))
        for row in table.rows
        for figure in table.figures
    ]
    set_apart = {key for part in parts for key in part.own} - user.keys()
    apart = set_apart | {key for key in common if _depends_on(key, set_apart)}
    shared = {key: text for key, text in common.items() if key in apart}
    laid = []
    for part in parts:
        own = {key: text for key, text in part.own.items() if key in set_apart}
        if not own:
            raise ConfigError(
                f"reproduce {table.name}: row {part.row.name} sets nothing beside {' '.join(typed)}"
            )
        laid.append(part._replace(own={**shared, **own}))
        for key, text in laid[-1].own.items():
            if len(_listed(f"{key}={text}")[1]) != 1:
                raise ConfigError(
                    f"reproduce {table.name}: row {part.row.name}: {key}={text}: give one value"
                )
    return {key: text for key, text in common.items() if key not in apart}, laid


def _depends_on(key: str, set_apart: Set[str]) -> bool:
    """Whether a key is known only where a component is, which rows or their recipes choose."""
    kind, dot, _ = key.partition(".")
    return bool(dot) and kind in KINDS and (kind in set_apart or not set_apart.isdisjoint(RECIPES))


def _own(row: Row, figure: Figure, quick: bool) -> Iterator[str]:
    yield from figure.overrides
    yield from figure.quick if quick else ()
    yield from row.overrides
    yield from row.quick if quick else ()


def _keys(texts: Iterable[str]) -> dict[str, str]:
    """Key → values, of a key that is given twice the last."""
    found: dict[str, str] = {}
    for text in texts:
        key, listed = _listed(text)
        found.pop(key, None)
        found[key] = ",".join(listed)
    return found


@functools.cache  # rows share most of their texts, and Hydra's parser takes milliseconds
def _listed(text: str) -> tuple[str, tuple[str, ...]]:
    """The key and the values of ``key=a,b``; ConfigError where they cannot be listed."""
    made = values(text)
    if not isinstance(made, Values):
        raise ConfigError(f"{text}: list the values themselves: {made.key}=a,b")
    return made.key, made.values


_known = functools.cache(value_of)
