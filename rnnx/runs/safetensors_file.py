"""A safetensors file with a JSON text beside its tensors, and a SHA-256 over both.

Reading takes the memory of the tensors and a bounded amount for the rest, whatever the file holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import CheckpointError
from rnnx.system.files import replacing
from rnnx.system.memory import free_bytes

HEADER_LIMIT = 16 * 2**20  # bytes of names, shapes and text; rnnx's own have some ten thousand


def write(path: Path, tensors: Mapping[str, Array], text: str, version: int) -> None:
    """Write all of it or nothing, so that it outlives a power cut."""
    from safetensors.numpy import save

    header = {"format": str(version), "rnnx": text, "sha256": _digest(tensors, text)}
    content = save({k: np.asarray(v) for k, v in tensors.items()}, metadata=header)
    length = int.from_bytes(content[:8], "little")
    if length > HEADER_LIMIT:  # it could never be read again
        raise CheckpointError(
            f"{path}: the names, shapes and metadata of a checkpoint are {length:,} bytes, at most "
            f"{HEADER_LIMIT:,} can be kept; the vocabulary is too large"
        )
    with replacing(path, to_disk=True) as temporary:
        temporary.write_bytes(content)


def read(path: Path, version: int) -> tuple[dict[str, Array], str]:
    """Tensors and text of a file of this version; CheckpointError unless its SHA-256 fits."""
    header, tensors = _load(path)
    if "rnnx" not in header or "sha256" not in header:
        raise CheckpointError(f"{path}: is a safetensors file, but not a checkpoint of rnnx")
    if header.get("format") != str(version):
        raise CheckpointError(
            f"{path}: has checkpoint format {header.get('format', '')[:20]}, this rnnx reads "
            f"{version}; install the rnnx that wrote it"
        )
    if _digest(tensors, header["rnnx"]) != header["sha256"]:
        raise CheckpointError(f"{path}: is damaged (its SHA-256 does not fit its content)")
    return tensors, header["rnnx"]


def header(path: Path) -> dict[str, str]:
    """The texts of a file without its tensors; CheckpointError where there are none."""
    from safetensors import SafetensorError, safe_open

    try:
        _refuse_large(path)
        with safe_open(path, "numpy") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def _load(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Metadata and tensors of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        _refuse_large(path)
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
        cause = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: is not a checkpoint of rnnx, or a damaged one ({cause}); "
            "rnnx runs lists the runs"
        ) from None
    for name, array in tensors.items():
        if array.dtype.kind not in "fiu":
            raise CheckpointError(
                f"{path}: is not a checkpoint of rnnx ({name[:80]} is {array.dtype})"
            )
    return header, tensors


def _refuse_large(path: Path) -> None:
    """Refuse what cannot be a checkpoint or does not fit into memory, before it is read."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > HEADER_LIMIT:
        raise ValueError(f"it begins like one with a header of {header} bytes")
    size, free = path.stat().st_size, free_bytes()
    if free is not None and size > free:
        raise CheckpointError(
            f"{path}: its {size >> 20:,} MiB do not fit into the {free >> 20:,} MiB of memory that "
            "are free"
        )


def _digest(tensors: Mapping[str, Array], text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        sha.update(f"{name}{array.dtype.str}{array.shape}".encode())
        sha.update(array.data.cast("B") if array.size else b"")
    return sha.hexdigest()
