"""``rnnx describe``: one component as its source tells it, or what all cells cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.cli.field_values import field_values
from rnnx.config.components import component_from
from rnnx.contracts.self_description import GateWords
from rnnx.errors import ConfigError, PluginError, RnnxError
from rnnx.models.cost import Cost, cost_of
from rnnx.registry.description import describe as print_description
from rnnx.registry.description import description_of
from rnnx.registry.first_line import first_line
from rnnx.registry.manager import registry
from rnnx.registry.registry import kind_named
from rnnx.system.table import Column, print_table
from rnnx.system.text import json_text, one_line, printable
from rnnx.training.report import console

KIND = "cell"  # whose components have a size
N_X = 27  # inputs where none are given: as many as the letters, and the end of a text
N_A = 128  # units of all cells where none are given
INPUTS, UNITS = "n_x", "hidden_size"
COLUMNS = (
    Column(KIND),
    Column("parameters", is_number=True),
    Column("state", is_number=True),
    Column("multiplications", "multiplications a step", is_number=True),
    Column("gates"),
    Column("description"),
)


class _Sized(NamedTuple):
    """A cell of some size, and what it costs there; or why that cannot be told."""

    cell: Any
    cost: Cost | None
    reason: str = ""


def describe(words: Sequence[str], every: bool, as_json: bool) -> None:
    """Print one component (KIND NAME [FIELD=VALUE …]), or with ``every`` all cells at one size."""
    names = [word for word in words if "=" not in word]
    values = field_values([word for word in words if "=" in word])
    n_x = _inputs(values)
    if every:
        if kinds := [name for name in names if name != KIND]:
            raise ConfigError(
                f"--all {kinds[0]}: compares {KIND}s; rnnx plugins lists the components of "
                "every kind"
            )
        _describe_all(values, n_x, as_json)
        return
    if len(names) != 2:
        raise ConfigError(
            f"rnnx describe {' '.join(names)}: give a kind and a name, as in cell NAME, or --all"
        )
    kind, name = kind_named(names[0]), names[1]
    found = registry().get(kind, name).component
    if kind != KIND and (values or any(word.startswith(f"{INPUTS}=") for word in words)):
        raise ConfigError(f"{words[-1]}: only a {KIND} has a size to be told; leave it out")
    sized = _sized(name, values, n_x) if kind == KIND else None
    if as_json:
        print(
            json_text(description_of(kind, name) | (_as_json(found, sized, n_x) if sized else {}))
        )
        return
    more = [*_gate_lines(found), *_cost_lines(sized, n_x)] if sized else []
    print_description(kind, name, more)


def _inputs(values: dict[str, str]) -> int:
    """n_x, taken out of ``values``."""
    text = values.pop(INPUTS, str(N_X))
    if not text.isdecimal():
        raise ConfigError(f"{INPUTS}={text}: must be a whole number, at least 1")
    return int(text)


def _sized(name: str, values: Mapping[str, str], n_x: int) -> _Sized:
    """A cell with these fields; a wrong field is an error, a default that is missing a reason."""
    try:
        cell = component_from(KIND, {"name": name, **values})
    except ConfigError as error:
        if values:
            raise
        return _Sized(None, None, one_line(error))
    return _Sized(cell, cost_of(cell, n_x))


def _describe_all(values: Mapping[str, str], n_x: int, as_json: bool) -> None:
    if unknown := sorted(values.keys() - {UNITS}):
        raise ConfigError(
            f"{unknown[0]}={values[unknown[0]]}: choose from {UNITS}, {INPUTS} beside --all"
        )
    sizes = {UNITS: str(N_A), **values}
    found = {
        entry.name: (entry.component, _of_all(entry.name, sizes, n_x))
        for entry in registry()
        if entry.kind == KIND
    }
    if as_json:
        print(
            json_text(
                {
                    name: {"description": first_line(component), **_as_json(component, sized, n_x)}
                    for name, (component, sized) in found.items()
                }
            )
        )
        return
    rows = [_row(name, component, sized) for name, (component, sized) in found.items()]
    out = console(soft_wrap=True)
    print_table(out, COLUMNS, rows, ("description", "gates"), head_in_pipe=True)
    if out.is_terminal:
        told = f"at {UNITS}={sizes[UNITS]} and {INPUTS}={n_x}, for one column"
        print(f"{told}; other sizes: {UNITS}=64 {INPUTS}=10")
    for name, (_, sized) in found.items():
        if sized.reason:
            print(printable(f"{name}: {sized.reason}"))


def _of_all(name: str, values: Mapping[str, str], n_x: int) -> _Sized:
    """The same for one of many, where a cell that refuses the size, or fails, is a row."""
    try:
        return _sized(name, values, n_x)
    except RnnxError as error:
        return _Sized(None, None, one_line(error))


def _row(name: str, component: Any, sized: _Sized) -> list[str]:
    cost = sized.cost
    numbers = (cost.parameters, cost.state, cost.multiplications) if cost else ()
    told = [f"{number:,}" for number in numbers] or ["—"] * 3
    gates = (f"{gate} {words.at_one.split()[0]}" for gate, words in gate_words(component).items())
    return [name, *told, ", ".join(gates), first_line(component)]


def gate_words(component: Any) -> Mapping[str, GateWords]:
    """Which way each gate of a cell points; {} where it does not say."""
    found: Mapping[str, GateWords] = getattr(component, "gate_words", {})
    if not all(isinstance(words, GateWords) for words in found.values()):
        what = "gate_words: is no mapping of gates to rnnx.contracts.GateWords"
        raise PluginError(f"{component.__qualname__}: {what}")
    return found


def _gate_lines(component: Any) -> Iterator[str]:
    """The gates at 1 and at 0, and both conventions where there are two."""
    for number, (gate, words) in enumerate(gate_words(component).items()):
        if not number:
            yield "gates:"
        yield f"  {gate} = 1  {words.at_one}"
        yield f"  {gate} = 0  {words.at_zero}"
        if words.here:
            yield f"      here:      {words.here}"
        if words.elsewhere:
            yield f"      elsewhere: {words.elsewhere}"


def _cost_lines(sized: _Sized, n_x: int) -> Iterator[str]:
    yield ""
    if sized.cost is None:
        yield f"its cost is not known: {sized.reason}"
        return
    cost = sized.cost
    how = "as the cell counts them" if cost.declared else "each entry of a matrix once"
    yield f"one column at {UNITS}={sized.cell.hidden_size}, {INPUTS}={n_x}:"
    yield f"  {cost.parameters:,} parameters"
    yield f"  {cost.state:,} numbers in the state"
    yield f"  {cost.multiplications:,} multiplications a step ({how})"


def _as_json(component: Any, sized: _Sized, n_x: int) -> dict[str, Any]:
    gates = {gate: words._asdict() for gate, words in gate_words(component).items()}
    if sized.cost is None:
        return {"gates": gates, "cost": None, "reason": sized.reason}
    return {
        "gates": gates,
        UNITS: sized.cell.hidden_size,
        INPUTS: n_x,
        "parameters": sized.cost.parameters,
        "state": sized.cost.state,
        "multiplications": sized.cost.multiplications,
    }
