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
    TOTALS,
    CheckpointLog,
    DataLog,
    DataPart,
    DescribedLog,
    Kept,
    ReadableLog,
    RemovingLog,
    RunLog,
    SavedCheckpoint,
    StoreTracker,
    Tracker,
)

__all__ = [
    "API_VERSION",
    "KINDS",
    "TOTALS",
    "Cell",
    "CheckpointLog",
    "Clipper",
    "Compilable",
    "ConcludingProbe",
    "DataLog",
    "DataPart",
    "Dataset",
    "DescribedLog",
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
    "SavedCheckpoint",
    "Schedule",
    "StoreTracker",
    "StreamingCell",
    "Tracker",
    "TrainedModel",
]
