"""``rnnx predict``: what a model predicts of new data, as lines, CSV or JSON."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnx.cli.models import find
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.targets import TargetKind, Targets
from rnnx.models.new_data import NewData, read_new_data, sequences, words_of_unknown
from rnnx.models.prediction import Predicted
from rnnx.models.trained import Model
from rnnx.system.table import Column, print_table
from rnnx.system.text import csv_text, json_text, printable
from rnnx.training.report import console

STDIN = "-"


def predict(run: str, path: str, form: str | None) -> None:
    """Print the predictions for the file at ``path``; ``form`` is json, csv or None: lines."""
    model = find(run)
    model.refuse_language("predict")
    file = NamedFile(STDIN, sys.stdin.buffer.read()) if path == STDIN else named_file(path)
    data = read_new_data(file, model.inputs, model.dataset)
    part, unknown = sequences(data, model.inputs)
    if unknown:
        line = f"{path}: {words_of_unknown(unknown)}"
        print(f"rnnx: {printable(line)}", file=sys.stderr)
    found = model.predict_sequences(part)
    if form == "json":
        print(json_text(_objects(model, data, found)))
    elif form == "csv":
        table = _table(model, data, found)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([csv_text(printable(name)) for name in table.names])
        writer.writerows([csv_text(printable(cell)) for cell in row] for row in table.rows)
    else:
        _print_lines(model, data, found)


class _Table(NamedTuple):
    names: list[str]
    rows: Iterator[list[str]]


def _print_lines(model: Model, data: NewData, found: Sequence[Predicted]) -> None:
    """A table on a terminal; in a pipe its cells between tabs, with a blank line between sequences
    that have a row a step.
    """
    table, output = _table(model, data, found), console(soft_wrap=False)
    texts = {"input", "prediction"}
    columns = [Column(name, is_number=name not in texts) for name in table.names]
    if output.is_terminal:
        print_table(output, columns, list(table.rows))
        return
    places = 1 if model.targets.per_sequence else 2  # columns that a pipe does without
    before = ""
    for cells in table.rows:
        if places > 1 and before not in ("", cells[0]):
            print()
        before = cells[0]
        print("\t".join(map(printable, cells[places:])))


def _table(model: Model, data: NewData, found: Sequence[Predicted]) -> _Table:
    targets = model.targets
    step = [] if targets.per_sequence else ["step"]
    text = [] if data.texts is None else ["input"]
    names, own = [q.name for q in targets.quantities] or list(targets.names), ["probability"]
    if targets.kind is TargetKind.values:
        deviates = any(one.p is not None for one in found)
        own = [f"{name} deviation" for name in names] if deviates else []
    if targets.kind is TargetKind.classes:
        names = ["prediction"]
    elif targets.kind is TargetKind.bits:
        own = []
    return _Table(["sequence", *step, *text, *names, *own], _rows(model, data, found))


def _rows(model: Model, data: NewData, found: Sequence[Predicted]) -> Iterator[list[str]]:
    """A row a sequence, or a row a step."""
    targets, vocabulary = model.targets, model.vocabulary
    for number, one in enumerate(found):
        text = None if data.texts is None else data.texts[number]
        if targets.per_sequence:
            own = [] if text is None else [text]
            yield [str(number + 1), *own, *_cells(targets, one.y, one.p)]
            continue
        symbols = None if text is None else vocabulary.split(text)
        for step, y in enumerate(one.y):
            own = [] if symbols is None else [symbols[step]]
            p = None if one.p is None else one.p[step]
            yield [str(number + 1), str(step + 1), *own, *_cells(targets, y, p)]


def _cells(targets: Targets, y: Any, p: Any) -> list[str]:
    if targets.kind is TargetKind.classes:
        return [str(y), "" if p is None else f"{float(np.max(p)):.4f}"]
    if targets.kind is TargetKind.bits:
        return [str(int(bit >= 0.5)) for bit in y]
    return [f"{value:.6g}" for value in (*y, *(() if p is None else p))]


def _objects(model: Model, data: NewData, found: Sequence[Predicted]) -> list[dict[str, Any]]:
    """An object a sequence: its text, what is predicted, and the probabilities."""
    objects: list[dict[str, Any]] = []
    for number, one in enumerate(found):
        about: dict[str, Any] = {} if data.texts is None else {"input": data.texts[number]}
        objects.append(about | _object(model.targets, one))
    return objects


def _object(targets: Targets, one: Predicted) -> dict[str, Any]:
    names = [q.name for q in targets.quantities] or list(targets.names)
    if targets.kind is TargetKind.classes:
        told: dict[str, Any] = {"prediction": one.y.tolist()}
    else:
        told = {"prediction": _by_name(names, one.y)}
    if one.p is not None:
        what = "deviations" if targets.kind is TargetKind.values else "probabilities"
        told[what] = _by_name(names, one.p)
    return told


def _by_name(names: Sequence[str], values: Any) -> dict[str, Any]:
    """Name → the number of a sequence, or the numbers of its steps."""
    numbers = np.asarray(values, np.float64)
    return {name: numbers[..., k].tolist() for k, name in enumerate(names)}
