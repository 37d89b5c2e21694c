"""A head that shares its weights with the way into the network: Wy = Weᵀ.

Both have a vector for each symbol: one for the input, one for the output (Press and Wolf 2017;
Inan, Khosravi and Socher 2017). We then begins N(0, 1/d), so that logits begin at the scale of h.
"""

from __future__ import annotations

import math

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.blocks import Block
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Head
from rnnx.contracts.target_heads import TiedHead
from rnnx.data.targets import NEXT_SYMBOL, Targets
from rnnx.errors import ConfigError
from rnnx.models import entry


def tied_weight(head: Head, block: Block | None, targets: Targets) -> str:
    """The head's parameter that is Weᵀ, empty where it has all of its own.

    ConfigError where the shapes do not allow it.
    """
    if not (isinstance(head, TiedHead) and head.tied):
        return ""
    if targets != NEXT_SYMBOL:
        raise ConfigError(
            f"head.tied=true: inputs and outputs are not the same symbols, the head learns "
            f"{targets.words}; leave it out"
        )
    if block is None or not block.embeds:
        raise ConfigError(
            "head.tied=true: the cells read symbols without an embedding to share; choose a block "
            "that embeds (rnnx plugins lists blocks), or leave it out"
        )
    return head.tied_weight


def tie(tree: dict[str, Params], name: str) -> None:
    """Take the shared parameter out of a head's fresh ones, and give We its scale."""
    del tree["head"][name]
    We = tree[entry.PART]["We"]
    We *= We.dtype.type(1 / math.sqrt(len(We)))


def head_params(params: Parameters, name: str, scratch: Scratch) -> Params:
    """The head's parameters with ``name``, which it shares; ``scratch`` is the head's."""
    We = params[entry.PART]["We"]
    shared = scratch.array("tied", We.shape[::-1], We.dtype)
    np.copyto(shared, We.T)
    return {**params["head"], name: shared}


def joined(grads: dict[str, Params], dhead: Params, name: str) -> dict[str, Params]:
    """All gradients; that of ``name``, which the head shares, is a part of We's."""
    dWe: Array = grads[entry.PART]["We"]
    dWe += dhead[name].T
    return {**grads, "head": {key: array for key, array in dhead.items() if key != name}}
