"""Damages the files of a run and forges checkpoints, for tests of hostile input."""

# ruff: noqa: E501

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from rnnx.runs import checkpoint as checkpoints
from rnnx.runs import safetensors_file

NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    10**400,
    -(10**30),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\0",
    "\ud800",
    "\x1b[2J",
    "../../etc/passwd",
    "/dev/zero",
    "${oc.env:HOME}",
    "\\${oc.env:HOME}",
    "${${oc.env:HOME}}",
    "???",
    "a" * 100_000,
    "lstm",
    "os.system",
    [],
    {},
    [1, 2],
    ["a", "a"],
    ["a", "b"],
    {"_target_": "os.system", "command": "touch owned"},
    {"name": "lstm", "_target_": "os.system"},
    {"${oc.env:HOME}": 1},
    {"a": {"b": ["${oc.env:HOME}"]}},
    NESTED,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in nested mappings and lists; of a list the first three."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            yield from places(inner, (*path, index))


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of ``tree`` with ``value`` at ``path``; with ``changed`` itself the key is deleted."""
    if not path:
        return value
    tree = copy.deepcopy(tree)
    node = tree
    for part in path[:-1]:
        node = node[part]
    if value is changed:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return tree


def damaged(content: bytes, rng: random.Random) -> bytes:
    """``content`` cut, shortened, shifted, overwritten or with a bit flipped, as ``rng`` decides."""
    place, length = rng.randrange(len(content)), rng.choice([1, 2, 8, 64, 4096])
    ways = [
        lambda: content[:place],
        lambda: content[place:],
        lambda: content[:place] + content[place + length :],
        lambda: content[:place] + rng.randbytes(length) + content[place:],
        lambda: content[:place] + rng.randbytes(length) + content[place + length :],
        lambda: content[:place] + bytes(length) + content[place + length :],
        lambda: content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :],
        lambda: rng.getrandbits(rng.choice([8, 31, 33, 63, 64])).to_bytes(8, "little") + content[8:],
        lambda: content + content[place : place + length],
        lambda: content[: place // 8] + content[place // 4 : place] + content[place // 8 :],
    ]  # fmt: skip
    return rng.choice(ways)()


def seal(path: Path, tensors: dict[str, Any], metadata: Any, version: int = 2) -> None:
    """Write a checkpoint whose SHA-256 is right, whatever it holds."""
    text = json.dumps(metadata)
    header = {
        "format": str(version),
        "rnnx": text,
        "sha256": safetensors_file._digest(tensors, text),
    }
    path.write_bytes(save(tensors, metadata=header))


def other_tensors(stored: checkpoints.Checkpoint, rng: random.Random) -> dict[str, Any]:
    """The tensors of a checkpoint with one of them changed, missing or added."""
    tensors = dict(stored.tensors)
    name = rng.choice(sorted(tensors))
    array = tensors[name]
    ways = [
        lambda: array[:0],
        lambda: array.reshape(-1),
        lambda: array.astype(rng.choice(["f2", "f8", "i8", "u1", "?", "u8"])),
        lambda: np.full_like(array, rng.choice([0, 1, 99])),
        lambda: (
            np.full(array.shape, rng.choice([np.nan, np.inf, 1e30, -1e30]), array.dtype)
            if array.dtype.kind == "f"
            else np.full_like(array, rng.choice([-1, 2**40, 2**62]))
        ),
        lambda: np.zeros((0, *array.shape), array.dtype),
        array.T.copy,
    ]
    kind = rng.randrange(len(ways) + 2)
    if kind < len(ways):
        tensors[name] = ways[kind]()
    elif kind == len(ways):
        del tensors[name]
    else:
        tensors[rng.choice(["params/x.y", "states/9/9", "batches/cursor", "", "z" * 5000])] = array
    return tensors
