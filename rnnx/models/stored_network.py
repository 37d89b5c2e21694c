"""The network of a checkpoint: what its configuration asks for, whether the file holds it."""

from __future__ import annotations

import numpy as np

from rnnx.config.identity import changed_code, versions
from rnnx.contracts.buffers import Parameters
from rnnx.errors import CheckpointError
from rnnx.models.network import Network, configured
from rnnx.models.size import parameter_bytes
from rnnx.registry.manager import CORE
from rnnx.registry.sources import source_sha256
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.checkpoint import Checkpoint
from rnnx.system.threads import BlasThreads


def network_of(checkpoint: Checkpoint) -> tuple[Network, str]:
    """The network of a checkpoint's configuration, and its dtype; a model draws no dropout."""
    settings, components = checkpoints.components_of(checkpoint)
    data = checkpoint.vocabulary, checkpoint.features, checkpoint.targets
    network = configured(settings, components, *data)
    return network, settings.dtype.value


def changed_code_of(checkpoint: Checkpoint) -> str:
    """The change of a version or of a plugin's source; rnnx's own source is known by its version.

    Checkpoints of earlier versions have no digests of sources.
    """
    used = versions(checkpoint.config)
    then = dict(checkpoint.metadata.get("sources", {}))
    sources = {name: source_sha256(name) for name in used if name in then and name != CORE}
    return changed_code(checkpoint.metadata, {"versions": used, "sources": sources})


def params_of(network: Network, checkpoint: Checkpoint, dtype: str) -> Parameters:
    """Arrays for the file's values; CheckpointError where the file cannot hold such a network."""
    refuse_other_network(network, checkpoint, dtype)
    try:
        with BlasThreads(1):  # a second one spins for longer than this takes
            return network.init(np.random.default_rng(0), dtype)  # load_params replaces the values
    except (MemoryError, ValueError, OverflowError) as error:  # NumPy's: too large
        raise CheckpointError(
            f"{checkpoint.path}: its configuration asks for more than the file holds ({error})"
        ) from None


def refuse_other_network(network: Network, checkpoint: Checkpoint, dtype: str) -> None:
    """CheckpointError where the file cannot hold such a network; nothing large is allocated."""
    layers, n_a = network.layers, network.cell.hidden_size
    checkpoints.refuse_other_sizes(checkpoint, layers, n_a)
    checkpoints.refuse_more_than_held(checkpoint, parameter_bytes(network, dtype))
