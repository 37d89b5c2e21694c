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
from rnnx.contracts.views import (
    BarChart,
    Chart,
    ImageChart,
    LineChart,
    ParallelChart,
    ScatterChart,
    Section,
    Setting,
    View,
    ViewTracker,
)

__all__ = [
    "API_VERSION",
    "KINDS",
    "BarChart",
    "Cell",
    "Chart",
    "Clipper",
    "Compilable",
    "ConcludingProbe",
    "Dataset",
    "GatedCell",
    "Grammar",
    "GrammaticalDataset",
    "Head",
    "ImageChart",
    "Initializer",
    "Kept",
    "LineChart",
    "NetworkView",
    "Optimizer",
    "ParallelChart",
    "Probe",
    "ReadableLog",
    "RemovingLog",
    "RunLog",
    "Sampler",
    "ScatterChart",
    "Schedule",
    "Section",
    "Setting",
    "StoreTracker",
    "StreamingCell",
    "Tracker",
    "TrainedModel",
    "View",
    "ViewTracker",
]
