"""A folder with very many finished runs, written as rnnx would have left it, in seconds."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rnnx.config.compose import compose
from rnnx.config.identity import config_hash, flat_params

RNNX = [sys.executable, "-m", "rnnx"]
OWN = ["tracker=none", "steps=40", "cell.hidden_size=16", "baseline=never", "threads=1"]
RATES = [f"0.00{digit}" for digit in range(1, 10)] + ["0.01"]
DROPOUTS = ["0.0", *(f"0.{digit}" for digit in range(1, 10))]
OTHERS = 10_000  # the first seed of the runs that are no job of the sweep


def space(jobs: int) -> list[str]:
    """The overrides of a sweep of so many jobs: a hundred configurations with some seeds each."""
    if jobs % 100:
        return [f"seed=range(0,{jobs})"]
    keys = f"optimizer.learning_rate={','.join(RATES)}", f"dropout={','.join(DROPOUTS)}"
    return [*keys, f"seed=range(0,{jobs // 100})"]


def _configs(jobs: int, others: int) -> Iterator[dict[str, Any]]:
    """The configurations of the jobs, and then those of the other runs."""
    first = compose(OWN)
    for number in range(others):
        yield {**first, "seed": OTHERS + number}
    for job in range(jobs):
        if jobs % 100:
            yield {**first, "seed": job}
            continue
        optimizer = {**first["optimizer"], "learning_rate": float(RATES[job % 10])}
        own = {"dropout": float(DROPOUTS[job // 10 % 10]), "seed": job // 100}
        yield {**first, **own, "optimizer": optimizer}


def write_runs(folder: Path, runs: int, jobs: int) -> None:
    """Train one run, and copy it: ``jobs`` of the ``runs`` are those of :func:`space`."""
    subprocess.run([*RNNX, "train", *OWN], cwd=folder, check=True, capture_output=True)
    (first,) = folder.glob("outputs/*/run.json")
    source, fields = first.parent, json.loads(first.read_text())
    values, draw = compose(OWN), random.Random(0)
    plain = {key: value for key, value in values.items() if key not in ("seed", "dropout")}
    other_lines = OmegaConf.to_yaml(OmegaConf.create(plain))
    rate = f"learning_rate: {values['optimizer']['learning_rate']}"
    for config in _configs(jobs, runs - jobs):
        name, loss = uuid.uuid4().hex, draw.gauss(2.0, 0.1)
        path = folder / "outputs" / name
        own = {
            **_identity(config, fields),
            "id": name,
            "place": str(path),
            "started": fields["started"] - draw.random() * 1e6,
            "metrics": {**fields["metrics"], "best/val_loss": loss, "final/val_loss": loss},
        }
        _copy(source, path)
        (path / "run.json").write_text(json.dumps({**fields, **own}, indent=1))
        own_rate = f"learning_rate: {config['optimizer']['learning_rate']}"
        lines = f"seed: {config['seed']}\ndropout: {config['dropout']}\n"
        (path / "config.yaml").write_text(lines + other_lines.replace(rate, own_rate))
    shutil.rmtree(source)


def _identity(config: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run of ``config`` by which it is found; the others are of ``fields``."""
    hashes = {"config_hash": config_hash(config), "seedless_hash": config_hash(config, True)}
    told = {**fields["told"], "params": {**fields["told"]["params"], **flat_params(config)}}
    return {**hashes, "seed": config["seed"], "told": told, "ended": fields["started"] + 2.0}


def _copy(source: Path, path: Path) -> None:
    """The files of a run; the content of those that rnnx never changes is there once."""
    for name in ("metrics.jsonl", "samples.csv"):
        path.mkdir(exist_ok=True)
        shutil.copyfile(source / name, path / name)
    (path / "checkpoints").mkdir()
    for file in source.glob("checkpoints/*"):
        os.link(file, path / "checkpoints" / file.name)
