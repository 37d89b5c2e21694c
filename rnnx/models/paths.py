"""Which way a training step goes: the calls of a network, those of bare cells, or two in all."""

from __future__ import annotations

from rnnx.arrays import Array
from rnnx.config.settings import Direction, InitialState
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.joined import Joined, JoiningForm
from rnnx.models.direct import Bound, DirectPath, NetworkPath
from rnnx.models.joined import JoinedPath
from rnnx.models.network import Network

Path = JoinedPath | DirectPath | NetworkPath


def paths(
    network: Network, params: Parameters, grads: Parameters, scratch: Scratch
) -> tuple[NetworkPath, Path]:
    """The way for targets that have weights, and the way for those that have none.

    The gradients go to ``grads``, which ``scratch`` then hands out.
    """
    scratch.bind_gradients(grads)
    general, head = NetworkPath(network, params, grads, scratch), network.head_of_steps
    how, is_bare = network.stack[0].dropout, network.stack[0].block is None
    if head is None or not is_bare or how.weights or any(how.zoneout):
        return general, general
    if network.direction is not Direction.forward or network.initial is not InitialState.zero:
        return general, general
    direct = DirectPath(network, head, params, grads, scratch)
    joined = _joined(network, *direct.parts, grads.flat)
    return general, JoinedPath(network, joined, direct) if joined is not None else direct


def _joined(network: Network, cell: Bound, head: Bound, flat: Array) -> Joined | None:
    """The one layer of a network and its head as one, where their compiled forms offer it."""
    form, head_form = (network.execution.form(one) for one in (network.cell, network.head))
    if network.layers > 1 or network.n_features or not isinstance(form, JoiningForm):
        return None
    of_cell, of_head = ((one.params, one.scratch) for one in (cell, head))
    return form.joined(head_form, of_cell, of_head, network.stack[0].dropout.outputs > 0, flat)
