"""A run's own settings: those that belong to no component."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from rnnx.contracts.ranges import require, require_share


class Dtype(Enum):
    """The type of every parameter and activation."""

    float32 = "float32"
    float64 = "float64"


class DropoutKind(Enum):
    """How long a mask of ``dropout`` stays: output for a step, variational for a whole batch."""

    output = "output"
    variational = "variational"


class Backend(Enum):
    """The code that computes the cells and the head."""

    auto = "auto"
    numpy = "numpy"
    fast = "fast"


class Average(Enum):
    """How parameters are averaged over updates."""

    auto = "auto"
    none = "none"
    ema = "ema"
    swa = "swa"


class Direction(Enum):
    """Which way every layer reads a sequence."""

    forward = "forward"
    backward = "backward"
    both = "both"


class InitialState(Enum):
    """What the state is before a sequence's first step."""

    zero = "zero"
    learned = "learned"


class Baseline(Enum):
    """Whether n-grams are fitted at the end, for comparison."""

    auto = "auto"
    always = "always"
    never = "never"


class Resume(Enum):
    """Whether the same command given again resumes its unfinished run."""

    never = "never"
    auto = "auto"


class Rerun(Enum):
    """Which jobs of a sweep run when the same command is given again."""

    missing = "missing"
    failed = "failed"
    all = "all"


@dataclass
class Sweeps:
    """What a sweep does beside trying values."""

    rerun: Rerun = Rerun.missing
    """missing: run every job that has not finished, from its checkpoint if it has one; failed: run
    only those that failed; all: run every job anew."""
    replicates: int = 1
    """Train every combination with this many seeds: seed, seed+1, … At least 1."""

    def __post_init__(self) -> None:
        require(self.replicates >= 1, "sweep.replicates", "at least 1", self.replicates)


@dataclass
class Checkpoints:
    """When checkpoints are written."""

    every: int = 500
    """Write one after every multiple of this many updates; 0: only at the end. At least 0."""
    keep: int = 2
    """How many of the newest to keep, beside the best. At least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 0, "checkpoint.every", "at least 0", self.every)
        require(self.keep >= 1, "checkpoint.keep", "at least 1", self.keep)


COUNT = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*([kKmM]?)", re.ASCII)
FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
SHARES = (
    *("dropout", "weight_dropout", "zoneout", "zoneout_memory", "input_dropout"),
    *("crossover", "averaging", "state_reset", "smoothing"),
)


@dataclass
class Train:
    """One training run."""

    steps: int = 1000
    """The number of updates. At least 1."""
    batch_size: int = 32
    """B, the number of sequences in a batch. At least 1."""
    seed: int = 0
    """The seed of initialization, data order, dropout and sampling. At least 0."""
    dtype: Dtype = Dtype.float32
    """The type of parameters and activations: float32 or float64."""
    layers: int = 1
    """The number of stacked cells. 1 ≤ layers ≤ 1000."""
    params: str | None = None
    """The number of parameters of the whole network, as 10k, 50000 or 1.5M: cell.hidden_size is
    solved for. null: it is what the cell says."""
    direction: Direction = Direction.forward
    """Which way every layer reads: forward, backward (from each sequence's own end), or both, whose
    outputs are joined (2·hidden_size). Where the next symbol is the target it is forward."""
    initial_state: InitialState = InitialState.zero
    """The state before a sequence's first step: zero, or learned, a parameter of each layer that
    begins at zero."""
    dropout: float = 0.5
    """The fraction of each layer's outputs that a training step drops. 0 ≤ dropout < 1."""
    dropout_kind: DropoutKind = DropoutKind.output
    """output: each step drops other outputs; variational: all steps of a batch drop the same."""
    weight_dropout: float = 0.0
    """The fraction of each recurrent weight matrix that a training step drops, the same entries at
    all steps of a batch. 0 ≤ weight_dropout < 1."""
    zoneout: float = 0.0
    """The probability that a unit of h keeps its value of the step before. 0 ≤ zoneout < 1."""
    zoneout_memory: float = 0.0
    """The same of the memory c, the second array of a cell's state. 0 ≤ zoneout_memory < 1."""
    input_dropout: float = 0.0
    """The fraction of input symbols that a training step hides. 0 ≤ input_dropout < 1."""
    crossover: float = 0.0
    """At each symbol the probability that a training example goes on as another one that has the
    same last two, three or four symbols. 0 ≤ crossover < 1."""
    accumulate: int = 1
    """The number of batches of an update: their loss and gradient are those of one batch that holds
    all of them, and ``steps`` counts updates. At least 1."""
    average: Average = Average.auto
    """The average of the parameters that is evaluated, sampled and kept as the model. ema: moving,
    with the decay ``averaging``; swa: the mean of all since update ``average_from``; none: the
    parameters themselves; auto: ema where ``averaging`` is above 0, else none."""
    averaging: float = 0.0
    """The decay of the moving average of the parameters, which is about the last
    1 / (1 − averaging) updates. 0 ≤ averaging < 1."""
    average_from: int = 500
    """The first update whose parameters are in the mean of ``average=swa``. At least 1."""
    state_reset: float = 0.0
    """The probability that a sequence of a batch begins from the zero state where it would go on
    from the state of the batch before, as streams do. 0 ≤ state_reset < 1."""
    eval_every: int = 100
    """Measure the held-out loss after every multiple of this many updates; 0: only at the end."""
    eval_tokens: int = 200_000
    """Measure on about this many held-out symbols at most, the first ones; 0: all."""
    sample_every: int = 250
    """Sample after update 1 and every multiple of this many; 0: only at the end."""
    sample_offset: int = 0
    """Sample this many updates after each multiple. 0 ≤ sample_offset < sample_every."""
    samples: int = 8
    """The number of texts to sample each time. At least 0."""
    sample_length: int = 50
    """The most symbols of a sample; for streams the exact number. At least 1."""
    log_every: int = 10
    """Log training metrics after update 1 and every multiple of this many. At least 1."""
    smoothing: float = 0.99
    """The factor s in smooth ← s·smooth + (1 − s)·loss. 0 ≤ s < 1."""
    smoothing_start: float = 1.0
    """smooth starts at this many times ln V, the loss of guessing among V symbols. At least 0."""
    monitor: str = "val/loss"
    """The metric of the held-out data that decides the best checkpoint, patience, pruning and the
    order of a sweep: val/loss, or one of the head's, as val/accuracy."""
    patience: int = 0
    """Stop after this many evaluations without a better ``monitor``; 0: never."""
    baseline: Baseline = Baseline.auto
    """Compare with n-grams on the same split: auto (up to two million symbols), always, never."""
    threads: int = 0
    """Threads of NumPy's BLAS and of compiled kernels; at least 0. 0: one for the BLAS; two for the
    kernels, whose bits do not depend on it, where hidden_size²·batch_size is above 2²⁰."""
    backend: Backend = Backend.auto
    """numpy, or fast: compiled kernels (the extra ``fast``). auto: fast from the second update
    on where numba is installed and batch_size·hidden_size is at least 48."""
    resume: Resume = Resume.never
    """never, or auto: resume the newest unfinished run of the same configuration, if any."""
    jobs: int | None = None
    """The jobs of a sweep that run at once; null: one for each processor. At least 1."""
    sweep: Sweeps = field(default_factory=Sweeps)
    """Which jobs run when a sweep's command is given again."""
    outputs: str = "outputs"
    """The folder that holds a folder for each run."""
    checkpoint: Checkpoints = field(default_factory=Checkpoints)
    """When checkpoints are written."""

    def __post_init__(self) -> None:
        at_least_1 = ("steps", "batch_size", "layers", "sample_length", "log_every", "accumulate")
        for name in (*at_least_1, "average_from"):
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
        for name in SHARES:
            require_share(name, getattr(self, name))
        self._check_average()
        number = self.params is None or (self.parameters or 0) >= 1
        require(number, "params", "a whole number, as 10k, 50000 or 1.5M", self.params)
        require(self.jobs is None or self.jobs >= 1, "jobs", "at least 1", self.jobs)
        require(bool(self.outputs), "outputs", "the name of a folder", repr(self.outputs))

    def _check_average(self) -> None:
        needs = "above 0 for average=ema, as averaging=0.998"
        require(self.average is not Average.ema or self.averaging > 0, "averaging", needs, 0)
        reached = self.average is not Average.swa or self.average_from <= self.steps
        most = f"at most steps={self.steps} for average=swa"
        require(reached, "average_from", most, self.average_from)

    @property
    def parameters(self) -> int | None:
        """``params`` as a number; None where it is null or none."""
        match = COUNT.fullmatch(self.params or "")
        if match is None:
            return None
        number = Decimal(match[1].replace("_", "")) * FACTORS[match[2].lower()]
        return int(number) if number == int(number) else None

    @property
    def averages(self) -> bool:
        """Whether an average of the parameters is kept beside them."""
        if self.average is Average.auto:
            return self.averaging > 0
        return self.average is not Average.none
