"""A checkpoint: the whole state of a session in one safetensors file.

Tensors: ``params/…``, ``average/…`` (of a run that averages them), ``optimizer/…``, ``clipper/…``
and ``schedule/…`` (of those with state), ``states/<layer>/<place>``, ``batches/…``. Metadata: a
JSON text of everything else, and a SHA-256 over both. Nothing is pickled, so a file from anybody
can be damaged or wrong, but cannot run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.earlier import with_split_seed
from rnnx.config.identity import changed_data
from rnnx.config.interpolations import literals
from rnnx.config.settings import Train
from rnnx.contracts.buffers import Parameters
from rnnx.data.targets import Quantity, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    MissingCode,
    PluginError,
    UnknownComponent,
)
from rnnx.registry.manager import plugins
from rnnx.runs import safetensors_file
from rnnx.runs.data_fields import features_of, targets_of
from rnnx.runs.metadata import validate

FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, metadata, and the file that they came from."""

    tensors: Mapping[str, Array]
    metadata: Mapping[str, Any]
    path: Path = Path("checkpoint")

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the run."""
        return dict(self.metadata["config"])

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that the ids stand for."""
        known = self.metadata
        return Vocabulary(tuple(known["symbols"]), known["end"], known.get("separator", ""))

    @property
    def targets(self) -> Targets:
        """What the model predicts."""
        return targets_of(self.metadata, str(self.path))

    @property
    def features(self) -> tuple[Quantity, ...]:
        """The real numbers that a step of the input has."""
        return features_of(self.metadata, str(self.path))

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(array.nbytes for array in self.tensors.values())

    def part(self, prefix: str) -> dict[str, Array]:
        """The tensors whose names begin with ``prefix/``, by the rest of their names."""
        head = f"{prefix}/"
        return {k[len(head) :]: v for k, v in self.tensors.items() if k.startswith(head)}


def load_params(params: Parameters, checkpoint: Checkpoint) -> None:
    """Fill ``params`` with a checkpoint's model: names, shapes and types have to fit.

    The model of a run that averages its parameters is their average.
    """
    part = "average/" if settings_from(checkpoint.config).averages else "params/"
    own = {f"{part}{name}": array for name, array in params.leaves()}
    stored = {k: v for k, v in checkpoint.tensors.items() if k.startswith(part)}
    fill_arrays(own, stored, checkpoint.path)
    if not np.isfinite(params.flat).all():
        raise CheckpointError(
            f"{checkpoint.path}: holds parameters that are not finite: its run had diverged"
        )


def fill_arrays(arrays: Params, stored: Mapping[str, Array], path: Path) -> None:
    """Copy ``stored`` into ``arrays``; CheckpointError unless names, shapes and types fit."""
    foreign = sorted(stored.keys() - arrays.keys())
    if foreign:
        raise CheckpointError(
            f"{path}: {foreign[0][:80]}: its configuration asks for no such array; it is damaged "
            "or from another version"
        )
    for name, array in arrays.items():
        found = stored.get(name)
        if found is None or found.shape != array.shape or found.dtype != array.dtype:
            what = "nothing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise CheckpointError(
                f"{path}: {name}: the file holds {what}, its configuration asks for {array.dtype} "
                f"of shape {array.shape}; it is damaged or from another version"
            )
        array[...] = found


def components_of(checkpoint: Checkpoint) -> tuple[Train, Components]:
    """The settings and components of a checkpoint's configuration, or CheckpointError."""
    try:
        return settings_from(checkpoint.config), components_from(checkpoint.config)
    except (ConfigError, UnknownComponent, PluginError) as error:
        missing = _missing(checkpoint.metadata["versions"])
        hint = f"; it was written with {missing}" if missing else ""
        raise MissingCode(f"{checkpoint.path}: its configuration: {error}{hint}") from None


def refuse_other_data(checkpoint: Checkpoint, data: str, split: str, advice: str) -> None:
    """DataError unless the checkpoint was trained on the data and the split of these SHA-256."""
    then, now = checkpoint.metadata, {"data_sha256": data}
    if "split_sha256" in then:  # the checkpoints of earlier versions have none
        now["split_sha256"] = split
    if changed := changed_data(then, now):
        key = "split_sha256" if then["data_sha256"] == data else "data_sha256"
        digests = f"SHA-256 {then[key][:8]}… then, {now[key][:8]}… now"
        raise DataError(
            f"{checkpoint.path}: {changed} since the run was trained ({digests}); {advice}"
        )


def _missing(versions: Mapping[str, str]) -> str:
    """The distributions that had owned components and are not the ones that are here."""
    here = {owner.distribution: owner.version for owner in plugins().owners}
    told = [
        f"{name} {version} ({f'{here[name]} is installed' if name in here else 'not loaded here'})"
        for name, version in versions.items()
        if here.get(name) != version
    ]
    return ", ".join(told)


def refuse_other_sizes(checkpoint: Checkpoint, wanted: int, n_a: int) -> None:
    """CheckpointError unless the file may hold ``wanted`` layers of ``n_a`` hidden units."""
    params = checkpoint.part("params")
    parts = {name.partition(".")[0] for name in params}
    layers = {part for part in parts if part.startswith("layer")}
    if len(layers) != wanted:
        raise CheckpointError(
            f"{checkpoint.path}: holds {len(layers)} layers, its configuration asks for {wanted}"
        )
    # Whatever the cell, one of its arrays has an axis of a multiple of n_a.
    sizes = {n for array in params.values() for n in array.shape if n}
    if n_a < 1 or not any(n % n_a == 0 for n in sizes):
        raise CheckpointError(
            f"{checkpoint.path}: holds no array of a network with cell.hidden_size={n_a}"
        )


def refuse_more_than_held(checkpoint: Checkpoint, nbytes: int) -> None:
    """CheckpointError for parameters of ``nbytes`` where the file holds a fraction of that.

    A small file must not ask for all memory.
    """
    if nbytes > 64 * 2**20 + 16 * checkpoint.nbytes:
        raise CheckpointError(
            f"{checkpoint.path}: its configuration asks for more than the file holds "
            f"(parameters of {nbytes:,} bytes)"
        )


def write(checkpoint: Checkpoint, path: Path) -> None:
    """Write all of it or nothing: a reader sees the old file or the new one."""
    metadata = {**checkpoint.metadata, "config": literals(checkpoint.config)}
    text = json.dumps(metadata, sort_keys=True)
    safetensors_file.write(path, checkpoint.tensors, text, checkpoint.metadata["format"])


def read(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; CheckpointError says what is wrong with it."""
    tensors, text = safetensors_file.read(path, FORMAT)
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: is damaged (its metadata is no JSON)") from None
    metadata = validate(metadata, str(path))
    return Checkpoint(tensors, {**metadata, "config": with_split_seed(metadata["config"])}, path)
