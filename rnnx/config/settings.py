"""A run's own settings: what belongs to no component."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from rnnx.contracts.ranges import require, require_share


class Dtype(Enum):
    """The type of every parameter and activation."""

    float32 = "float32"
    float64 = "float64"


class Backend(Enum):
    """What computes the cells and the head."""

    auto = "auto"
    numpy = "numpy"
    fast = "fast"


class Baseline(Enum):
    """Whether the best n-gram is fitted for comparison at the end."""

    auto = "auto"
    always = "always"
    never = "never"


class Resume(Enum):
    """Whether a command that was stopped goes on when it is given again."""

    never = "never"
    auto = "auto"


class Rerun(Enum):
    """Which jobs of a sweep run when its command is given again."""

    missing = "missing"
    failed = "failed"
    all = "all"


@dataclass
class Sweeps:
    """What a sweep's command does with what it did before."""

    rerun: Rerun = Rerun.missing
    """missing: every job that has not finished, from its checkpoint if it has one; failed: those
    alone that failed; all: every job anew."""


@dataclass
class Checkpoints:
    """When checkpoints are written."""

    every: int = 500
    """After every multiple of this many updates; 0: only at the end. At least 0."""
    keep: int = 2
    """How many recent ones stay beside the best. At least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 0, "checkpoint.every", "at least 0", self.every)
        require(self.keep >= 1, "checkpoint.keep", "at least 1", self.keep)


@dataclass
class Train:
    """One training run."""

    steps: int = 1000
    """Updates. At least 1."""
    batch_size: int = 32
    """B, the columns of a batch. At least 1."""
    seed: int = 0
    """Of initialisation, data order, dropout and sampling, and of a random split. At least 0."""
    dtype: Dtype = Dtype.float32
    """float32 or float64."""
    layers: int = 1
    """How many cells are stacked. 1 ≤ layers ≤ 1000."""
    dropout: float = 0.5
    """The share of each layer's outputs that a training step leaves out. 0 ≤ dropout < 1."""
    eval_every: int = 100
    """Measure the held-out loss after every multiple of this many updates; 0: at the end alone."""
    eval_tokens: int = 200_000
    """Measure at most about this many held-out symbols, the first ones; 0: all."""
    sample_every: int = 250
    """Sample after update 1 and every multiple of this many; 0: at the end alone."""
    sample_offset: int = 0
    """Sample so many updates after each multiple instead. 0 ≤ sample_offset < sample_every."""
    samples: int = 8
    """How many texts a sampling round makes. At least 0."""
    sample_length: int = 50
    """The longest sample, in symbols; for streams the length of each. At least 1."""
    log_every: int = 10
    """Keep training figures after update 1 and every multiple of this many. At least 1."""
    smoothing: float = 0.99
    """s in smooth ← s·smooth + (1 − s)·loss. 0 ≤ s < 1."""
    smoothing_start: float = 1.0
    """smooth begins at this many times ln V, a blind guess among V symbols. At least 0."""
    patience: int = 0
    """Stop after this many rounds of evaluation without a better held-out loss; 0: never."""
    baseline: Baseline = Baseline.auto
    """The best n-gram on the same split: auto (up to two million symbols), always or never."""
    threads: int = 0
    """Threads of a step; 0: 1, or 2 where hidden_size²·batch_size is above 2¹⁸. At least 0."""
    backend: Backend = Backend.auto
    """numpy, or fast: compiled kernels (the extra ``fast``). auto: fast from the second step
    on where numba is installed and batch_size·hidden_size is at least 48."""
    resume: Resume = Resume.never
    """auto: go on with the newest unfinished run of the same configuration, if there is one."""
    jobs: int | None = None
    """Jobs of a sweep that run at the same time; null: one a processor. At least 1."""
    sweep: Sweeps = field(default_factory=Sweeps)
    """What a sweep's command does when it is given again."""
    outputs: str = "outputs"
    """The folder that holds a folder for each run."""
    checkpoint: Checkpoints = field(default_factory=Checkpoints)
    """When checkpoints are written."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "layers", "sample_length", "log_every"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in (
            "seed",
            "eval_every",
            "eval_tokens",
            "sample_every",
            "samples",
            "patience",
            "threads",
        ):
            require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        rounds = "0 where eval_every is 0: nothing is measured"
        require(not (self.patience and not self.eval_every), "patience", rounds, self.patience)
        require(self.layers <= 1000, "layers", "at most 1000", self.layers)
        offset = self.sample_offset
        most = max(self.sample_every, 1)
        require(0 <= offset < most, "sample_offset", "at least 0 and below sample_every", offset)
        start = self.smoothing_start
        require(0 <= start < math.inf, "smoothing_start", "at least 0 and finite", start)
        require_share("dropout", self.dropout)
        require_share("smoothing", self.smoothing)
        require(self.jobs is None or self.jobs >= 1, "jobs", "at least 1", self.jobs)
        require(bool(self.outputs), "outputs", "the name of a folder", repr(self.outputs))
