"""The contracts between the core and its components; a plugin imports them from here.

What passes through them (parameters, scratch buffers, a corpus, an observation) has a name of its
own in :mod:`rnnx`.
"""

from rnnx.contracts.components import (
    API_VERSION,
    KINDS,
    Cell,
    Clipper,
    Dataset,
    GatedCell,
    Grammar,
    GrammaticalDataset,
    Head,
    Initializer,
    Optimizer,
    Sampler,
    Schedule,
    StreamingCell,
)
from rnnx.contracts.execution import Compilable
from rnnx.contracts.probes import ConcludingProbe, NetworkView, Probe, TrainedModel
from rnnx.contracts.trackers import (
    Kept,
    ReadableLog,
    RemovingLog,
    RunLog,
    StoreTracker,
    Tracker,
)

__all__ = [
    "API_VERSION",
    "KINDS",
    "Cell",
    "Clipper",
    "Compilable",
    "ConcludingProbe",
    "Dataset",
    "GatedCell",
    "Grammar",
    "GrammaticalDataset",
    "Head",
    "Initializer",
    "Kept",
    "NetworkView",
    "Optimizer",
    "Probe",
    "ReadableLog",
    "RemovingLog",
    "RunLog",
    "Sampler",
    "Schedule",
    "StoreTracker",
    "StreamingCell",
    "Tracker",
    "TrainedModel",
]
