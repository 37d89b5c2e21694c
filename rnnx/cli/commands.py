"""What the smaller commands do, behind their options in cli.py."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from rnnx.config.components import component_from, components_from, settings_from
from rnnx.config.overrides import parse, refuse_sweeps
from rnnx.contracts.components import KINDS
from rnnx.contracts.trackers import RunSummary
from rnnx.data.corpus import Split
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError, DataError, StoreError
from rnnx.models.evaluation import first_tokens
from rnnx.models.load import find_model
from rnnx.registry.checks import load_corpus
from rnnx.registry.description import first_line
from rnnx.registry.manager import Plugins, plugins
from rnnx.runs.find import find_run, list_runs
from rnnx.runs.folder import RunFolder
from rnnx.runs.lock import RunLock
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import refuse_links
from rnnx.runs.stored_config import stored_config
from rnnx.system.text import cause
from rnnx.training.report import for_terminal
from rnnx.training.resume import resume as go_on
from rnnx.training.run import storage_errors


def resume(run: str, overrides: Sequence[str]) -> int:
    """Go on with ``run``; the exit code."""
    folder = _at_home(find_run(run))
    return go_on(folder, for_terminal(), overrides).exit_code


def sync(run: str) -> None:
    """Send a run's tracker what it did not get."""
    folder = _at_home(find_run(run))
    with storage_errors(folder), RunLock(folder), Outbox(folder.path) as outbox:
        left = outbox.count()
        if not left:
            print(f"run {folder.id[:8]}: the tracker has everything already")
            return
        tracker = components_from(stored_config(folder)).tracker
        log = tracker.reopen(folder.id)
        try:
            outbox.deliver(log)
        except Exception as error:  # whatever a tracker raises
            raise StoreError(
                f"run {folder.id[:8]}: the tracker does not answer ({cause(error)}); "
                f"{outbox.count()} points and files are left, try again later"
            ) from error
    if outbox.damaged:
        print(f"rnnx: {outbox.damaged} damaged lines were passed over", file=sys.stderr)
    left -= outbox.damaged
    print(f"run {folder.id[:8]}: sent {left} points and files; the tracker has everything")


def _at_home(folder: RunFolder) -> RunFolder:
    """The folder, with the process where its run began: its data and store are named from there."""
    folder = RunFolder(folder.path.resolve())
    refuse_links(folder.path)
    home = folder.read().get("cwd")
    if isinstance(home, str) and home != os.getcwd():
        with suppress(OSError, ValueError):  # it has gone, or is no path at all
            os.chdir(home)
            print(f"working in {home}, where the run began", file=sys.stderr)
    return folder


def sample(
    run: str,
    count: int,
    prompt: str,
    sampler: str | None,
    fields: Sequence[str],
    length: int | None,
    seed: int,
) -> list[str]:
    """New texts from the model of ``run``; ``fields`` are ``key=value`` of the sampler."""
    model = find_model(run)
    own = dict(model.config["sampler"])
    chosen = own if sampler in (None, own["name"]) else {"name": sampler}
    for text in fields:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: is not of the form field=value")
        chosen[key] = value
    component_from("sampler", chosen)
    return model.sample(count, prompt, chosen, seed, length)


def evaluate(run: str, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The loss of ``run`` on its held-out data, or on all of the data that overrides name."""
    model = find_model(run)
    config = _with_data(model.config, overrides)
    corpus = load_corpus(component_from("dataset", config["dataset"]), config["seed"])
    if config["dataset"] != model.config["dataset"]:
        splits = [s for s in (corpus.train, corpus.val) if s is not None]
        what = "all of the data"
    elif corpus.val is None:
        raise DataError(
            "evaluate: the run held nothing out (dataset.val_fraction=0); name data to "
            "measure on, as dataset=lines dataset.path=FILE"
        )
    else:
        splits, what = [first_tokens(corpus.val, config["eval_tokens"])], "held-out data"
    splits = [_in_ids_of(model.vocabulary, corpus.vocabulary, split) for split in splits]
    tokens = [split.tokens for split in splits]
    losses = [model.mean_nats(split) for split in splits]
    loss = sum(n * x for n, x in zip(tokens, losses, strict=True)) / sum(tokens)
    yield "measured on", f"{what}, {sum(tokens):,} symbols"
    unit = model.vocabulary.unit
    yield "loss", f"{loss:.4f} nats a {unit}"
    yield f"bits a {unit}", f"{loss / math.log(2):.4f}"
    yield "perplexity", f"{math.exp(loss) if loss < 700 else math.inf:.3f}"


def _with_data(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The run's configuration with another data set, or other fields of its own one."""
    changed, dataset = dict(config), dict(config["dataset"])
    parsed = parse(overrides)
    refuse_sweeps(parsed)
    for override in parsed:
        key, value = override.key_or_group, override.value()
        if key == "dataset":
            dataset = {"name": value}
        elif key.startswith("dataset."):
            dataset[key.removeprefix("dataset.")] = value
        elif key == "eval_tokens":
            changed["eval_tokens"] = value
        else:
            raise ConfigError(
                f"{override.input_line}: evaluate takes dataset=…, dataset.FIELD=… and "
                "eval_tokens=…; all else is the run's own"
            )
    settings_from(changed)
    return changed | {"dataset": dataset}


def _in_ids_of(ours: Vocabulary, theirs: Vocabulary, split: Split) -> Split:
    """``split`` with its ids replaced by those of our vocabulary."""
    if ours.symbols == theirs.symbols:
        return split
    table = np.array(ours.encode(theirs.symbols, "data"), np.intp)
    changed: dict[str, Any] = {"ids": table[split.ids]}
    if getattr(split, "first", None) is not None:
        changed["first"] = table[split.first]  # type: ignore[union-attr]
    return replace(split, **changed)


def show_runs(overrides: Sequence[str], limit: int) -> None:
    """Print the newest runs as a table."""
    from rich.console import Console
    from rich.table import Table

    found = list_runs(overrides, limit)
    console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())
    if not found:
        console.print("no runs yet; begin with: rnnx train")
        return
    columns = ("id", "status", "best held-out", "started", "overrides")
    if not console.is_terminal:
        for summary in found:
            print("\t".join(_cells(summary)))
        return
    table = Table(*columns, box=None)
    for summary in found:
        table.add_row(*_cells(summary))
    console.print(table)


def _cells(run: RunSummary) -> tuple[str, ...]:
    best = run.metrics.get("best/val_loss", run.metrics.get("val/loss"))
    loss = "—" if best is None else f"{best:.4f}"
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    return run.id[:12], run.status, loss, started, run.name


def show_plugins(as_json: bool, strict: bool) -> int:
    """Print every component with its owner, then what failed; 1 if strict and any did."""
    found = plugins()
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        for kind, plural in KINDS.items():
            print(f"{plural}:")
            for entry in found.registry:
                if entry.kind == kind:
                    print(f"  {entry.name:<16} {entry.owner}  ({first_line(entry.component)})")
        for failure in found.failures:
            print(f"failed: {failure}")
        for note in found.notes:
            print(f"note: {note}")
        if found.failures:
            print("more of these, and what to do: rnnx plugins doctor")
    return 1 if strict and found.failures else 0


def _as_json(found: Plugins) -> Mapping[str, Any]:
    return {
        "components": [
            {
                "kind": entry.kind,
                "name": entry.name,
                "class": f"{entry.component.__module__}.{entry.component.__qualname__}",
                "distribution": entry.owner.distribution,
                "version": entry.owner.version,
                "entry_point": entry.owner.entry_point,
                "description": first_line(entry.component),
            }
            for entry in found.registry
        ],
        "failures": [
            {
                "distribution": failure.owner.distribution,
                "version": failure.owner.version,
                "entry_point": failure.owner.entry_point,
                "cause": failure.cause,
                "where": failure.where,
            }
            for failure in found.failures
        ],
        "notes": [{"distribution": n.owner.distribution, "note": n.text} for n in found.notes],
    }
