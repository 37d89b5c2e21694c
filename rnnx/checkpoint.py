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
from rnnx.contracts import Array, Params
from rnnx.errors import CheckpointError
from rnnx.metadata import plain_config, validated
from rnnx.parameters import Parameters
from rnnx.progress import Progress
from rnnx.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rnnx.training import Session

FORMAT = 2


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, read: tensors by name, and what the metadata says."""

    tensors: Mapping[str, Array]
    metadata: Mapping[str, Any]
    path: Path = Path("checkpoint")

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the run."""
        return plain_config(self.metadata["config"], str(self.path))

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary that the ids stand for."""
        return Vocabulary(tuple(self.metadata["symbols"]), self.metadata["end"])

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(array.nbytes for array in self.tensors.values())

    def part(self, prefix: str) -> dict[str, Array]:
        """The tensors below ``prefix/``, by the rest of their names."""
        head = f"{prefix}/"
        return {k[len(head) :]: v for k, v in self.tensors.items() if k.startswith(head)}


def take(session: Session, progress: Progress, extra: Mapping[str, Any]) -> Checkpoint:
    """The state of a run between two steps; ``extra`` joins the metadata."""
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
        "progress": progress.state(),
        **extra,
    }
    return Checkpoint({k: np.ascontiguousarray(v) for k, v in tensors.items()}, metadata)


def restore(session: Session, checkpoint: Checkpoint) -> Progress:
    """Put a session where the checkpoint was taken, bit for bit; what its rounds had come to."""
    metadata = checkpoint.metadata
    if session.corpus.sha256 != metadata["data_sha256"]:
        raise CheckpointError(
            f"{checkpoint.path}: the data is not the data of the checkpoint (its SHA-256 differs); "
            "bring the old file back, or train anew"
        )
    if session.corpus.vocabulary != checkpoint.vocabulary:
        raise CheckpointError(f"{checkpoint.path}: its vocabulary is not that of the data")
    load_params(session.params, checkpoint)
    _fill(session.optimizer_state, checkpoint, "optimizer")
    for layer, state in enumerate(session.states):
        _fill({str(k): array for k, array in enumerate(state)}, checkpoint, f"states/{layer}")
    try:
        for name, state in metadata["generators"].items():
            session.rngs[name].bit_generator.state = state
        session.batches.restore({**metadata["batches"], **checkpoint.part("batches")})
        progress = Progress.from_state(metadata["progress"])
    except (KeyError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise CheckpointError(
            f"{checkpoint.path}: its state does not fit its configuration ({error!r})"
        ) from None
    session.steps, session.smooth_loss = metadata["step"], metadata["smooth_loss"]
    session.threads.count = metadata["threads"]
    session.use(kept(metadata.get("backend", "numpy")))
    return progress


def load_params(params: Parameters, checkpoint: Checkpoint) -> None:
    """Fill ``params`` from a checkpoint whose names, shapes and types have to fit."""
    _fill(dict(params.leaves()), checkpoint, "params")


def _fill(arrays: Params, checkpoint: Checkpoint, part: str) -> None:
    stored = checkpoint.part(part)
    for name, array in arrays.items():
        found = stored.get(name)
        if found is None or found.shape != array.shape or found.dtype != array.dtype:
            what = "nothing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise CheckpointError(
                f"{checkpoint.path}: {part}/{name}: the file holds {what}, its configuration asks "
                f"for {array.dtype} of shape {array.shape}; it is damaged or from another version"
            )
        array[...] = found


def write(checkpoint: Checkpoint, path: Path) -> None:
    """Write to a temporary name, fsync, rename: a reader sees the old file or the new one."""
    from safetensors.numpy import save

    text = json.dumps(checkpoint.metadata, sort_keys=True)
    digest = _digest(checkpoint.tensors, text)
    tensors = {k: np.asarray(v) for k, v in checkpoint.tensors.items()}
    header = {"format": str(checkpoint.metadata["format"]), "rnnx": text, "sha256": digest}
    content = save(tensors, metadata=header)
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
    header, tensors = _opened(path)
    if "rnnx" not in header or "sha256" not in header:
        raise CheckpointError(f"{path}: is a safetensors file, but not a checkpoint of rnnx")
    if header.get("format", str(FORMAT)) != str(FORMAT):
        raise CheckpointError(
            f"{path}: has checkpoint format {header['format'][:20]}, this rnnx reads {FORMAT}; "
            "install the rnnx that wrote it"
        )
    if _digest(tensors, header["rnnx"]) != header["sha256"]:
        raise CheckpointError(f"{path}: is damaged (its SHA-256 does not fit its content)")
    try:
        metadata = json.loads(header["rnnx"])
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: is damaged (its metadata is no JSON)") from None
    return Checkpoint(tensors, validated(metadata, str(path)), path)


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Metadata and tensors of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
        cause = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: is not a checkpoint of rnnx, or a damaged one ({cause})"
        ) from None
    return header, tensors


def _digest(tensors: Mapping[str, Array], text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        sha.update(f"{name}{array.dtype.str}{array.shape}".encode())
        sha.update(array.data.cast("B") if array.size else b"")
    return sha.hexdigest()
