"""The whole state of a session in one safetensors file.

Tensors: ``params/…``, ``optimizer/…``, ``states/<layer>/<place>``, ``batches/…``. Metadata: a JSON
text of everything else, and a SHA-256 over both. Nothing is pickled, so a file from a stranger
can be damaged or wrong, but cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnx.backend import kept
from rnnx.contracts import Array
from rnnx.errors import CheckpointError
from rnnx.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnx.training import Session

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, read: tensors by name, and what the metadata says."""

    tensors: Mapping[str, Array]
    metadata: Mapping[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the run."""
        return dict(self.metadata["config"])

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that the ids stand for."""
        return Vocabulary(tuple(self.metadata["symbols"]), self.metadata["end"])

    def part(self, prefix: str) -> dict[str, Array]:
        """The tensors below ``prefix/``, by the rest of their names."""
        head = f"{prefix}/"
        return {k[len(head) :]: v for k, v in self.tensors.items() if k.startswith(head)}


def take(session: Session, extra: Mapping[str, Any]) -> Checkpoint:
    """The state of a session between two steps; ``extra`` joins the metadata."""
    tensors = {f"params/{name}": array for name, array in session.params.leaves()}
    tensors |= {f"optimizer/{name}": a for name, a in session.optimizer_state.items()}
    for layer, state in enumerate(session.states):
        tensors |= {f"states/{layer}/{place}": a for place, a in enumerate(state)}
    order: dict[str, Any] = {}
    for name, value in session.batches.state().items():
        if isinstance(value, np.ndarray):
            tensors[f"batches/{name}"] = value
        else:
            order[name] = value
    vocabulary = session.corpus.vocabulary
    metadata = {
        "format": FORMAT,
        "config": session.config,
        "symbols": list(vocabulary.symbols),
        "end": vocabulary.end,
        "data_sha256": session.corpus.sha256,
        "step": session.steps,
        "smooth_loss": session.smooth_loss,
        "generators": {name: rng.bit_generator.state for name, rng in session.rngs.items()},
        "batches": order,
        "threads": session.threads.count,
        "backend": session.backend.value,
        **extra,
    }
    return Checkpoint({k: np.ascontiguousarray(v) for k, v in tensors.items()}, metadata)


def restore(session: Session, checkpoint: Checkpoint) -> None:
    """Put a session where the checkpoint was taken, bit for bit."""
    if session.corpus.sha256 != checkpoint.metadata["data_sha256"]:
        raise CheckpointError(
            "the data is not the data of the checkpoint (its SHA-256 differs); "
            "bring the old file back, or train anew"
        )
    load_params(session.params, checkpoint)
    for name, array in checkpoint.part("optimizer").items():
        session.optimizer_state[name][...] = array
    states = checkpoint.part("states")
    session.states = tuple(
        tuple(states[f"{layer}/{place}"] for place in range(len(state)))
        for layer, state in enumerate(session.states)
    )
    metadata = checkpoint.metadata
    session.use(kept(metadata.get("backend", "numpy")))
    session.steps = metadata["step"]
    session.smooth_loss = metadata["smooth_loss"]
    for name, state in metadata["generators"].items():
        session.rngs[name].bit_generator.state = state
    session.batches.restore({**metadata["batches"], **checkpoint.part("batches")})


def load_params(params: Any, checkpoint: Checkpoint) -> None:
    """Fill ``params`` from a checkpoint whose names and shapes have to fit."""
    stored = checkpoint.part("params")
    for name, array in params.leaves():
        if name not in stored or stored[name].shape != array.shape:
            found = f"shape {stored[name].shape}" if name in stored else "nothing"
            raise CheckpointError(
                f"parameter {name}: the checkpoint holds {found}, its configuration asks for "
                f"shape {array.shape}; the file is damaged or from another version"
            )
        array[...] = stored[name]


def write(checkpoint: Checkpoint, path: Path) -> None:
    """Write to a temporary name, fsync, rename: a reader sees the old file or the new one."""
    from safetensors.numpy import save

    text = json.dumps(checkpoint.metadata, sort_keys=True)
    digest = _digest(checkpoint.tensors, text)
    tensors = {k: np.asarray(v) for k, v in checkpoint.tensors.items()}
    content = save(tensors, metadata={"rnnx": text, "sha256": digest})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> Checkpoint:
    """Read and verify a checkpoint; CheckpointError says what is wrong with it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        cause = " ".join(str(error).split())
        raise CheckpointError(f"{path}: is not a checkpoint of rnnx ({cause})") from None
    if "rnnx" not in header:
        raise CheckpointError(f"{path}: is a safetensors file, but not a checkpoint of rnnx")
    if _digest(tensors, header["rnnx"]) != header.get("sha256"):
        raise CheckpointError(f"{path}: is damaged (its SHA-256 does not fit its content)")
    metadata = json.loads(header["rnnx"])
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: has checkpoint format {metadata.get('format')}, this rnnx reads {FORMAT}; "
            "install the rnnx that wrote it"
        )
    return Checkpoint(tensors, metadata)


def _digest(tensors: Mapping[str, Array], text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        sha.update(f"{name}{array.dtype.str}{array.shape}".encode())
        sha.update(array.data.cast("B") if array.size else b"")
    return sha.hexdigest()
