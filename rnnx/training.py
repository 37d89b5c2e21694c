"""The training step: batch → forward → loss → backward → clip → update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

from rnnx.backend import choose, load
from rnnx.batches import Batch, TrainBatches
from rnnx.config import Components, components_from, settings_from
from rnnx.contracts import Array, Probe
from rnnx.corpus import Corpus, Split
from rnnx.errors import Diverged, OutOfMemory, PluginError
from rnnx.evaluation import first_tokens, mean_nats
from rnnx.generation import generate
from rnnx.memory import told_as, within_free_memory
from rnnx.model import Network, States
from rnnx.parameters import Parameters
from rnnx.records import Findings, Observation
from rnnx.scratch import Scratch
from rnnx.settings import Backend, Train
from rnnx.threads import BlasThreads, thread_count

CONCERNS = ("init", "order", "dropout", "sampling")


class Figures(NamedTuple):
    """What the last step measured."""

    loss: float  # as optimised
    norm: float  # the gradient's global L2 norm before clipping
    clipped: bool
    rate: float  # the learning rate used
    tokens: int


class Session:
    """One experiment in memory: data, parameters, and the step that improves them."""

    def __init__(
        self,
        config: Mapping[str, Any],
        corpus: Corpus | None = None,
        room: AbstractContextManager[None] | None = None,
    ) -> None:
        """``room`` bounds the memory of parameters and what goes with them (default: all)."""
        self.config = config
        self.settings: Train = settings_from(config)
        self.components: Components = components_from(config)
        seed = self.settings.seed
        self.corpus = corpus or self.components.dataset.load(seed)
        self.network = Network(
            self.components.cell,
            self.components.head,
            len(self.corpus.vocabulary),
            self.settings.layers,
            self.settings.dropout,
        )
        children = np.random.SeedSequence(seed).spawn(len(CONCERNS))
        self.rngs = {
            concern: np.random.default_rng(child)
            for concern, child in zip(CONCERNS, children, strict=True)
        }
        self.threads = BlasThreads(thread_count(self.settings, self.components.cell))
        with self.threads:  # an orthogonal matrix's last bits depend on their number
            self._make_arrays(room or within_free_memory())
        self.batches = TrainBatches(self.corpus.train, self.settings.batch_size, self.rngs["order"])
        self.states: States = self._zero_states()
        self.steps = 0
        self.smooth_loss = self.settings.smoothing_start * math.log(len(self.corpus.vocabulary))
        self.figures: Figures | None = None
        self.use(self._backend(self.steps))
        self.observation: Observation | None = None  # of the last step, where a probe was due
        if self.settings.steps > 1 and self._backend(1) is Backend.fast:
            with self.threads, quiet():  # now what the second step would wait for
                load(self.network, self.params, self.states, self.threads.count)

    def _backend(self, done: int) -> Backend:
        return choose(self.settings, self.components.cell.hidden_size, done)

    def use(self, backend: Backend) -> None:
        """Compute with ``backend`` (numpy or fast) from the next step on."""
        self.backend = backend
        fast, threads = backend is Backend.fast, self.threads.count
        self._scratch = Scratch(fast, threads).bound(self.grads)
        self._evaluation_scratch = Scratch(fast, threads)

    def _make_arrays(self, room: AbstractContextManager[None]) -> None:
        """Parameters, gradients and what the optimizer keeps."""
        n_a, layers = self.components.cell.hidden_size, self.settings.layers
        what = f"cell.hidden_size={n_a}, layers={layers}: the parameters do not fit into memory"
        with told_as(f"{what}; choose a smaller network"), room:
            self.params = self.network.init(self.rngs["init"], self.settings.dtype.value)
            self.grads = self.params.zeros_like()
            self.optimizer_state = self.components.optimizer.init(self.params)

    def _zero_states(self) -> States:
        return self.network.initial_state(self.settings.batch_size, self.settings.dtype.value)

    def step(self) -> float:
        """One update; the loss that it optimised.

        Raises Diverged, with parameters and state as they were before, if the loss or the
        gradient is not finite.
        """
        if self.steps == 1 and self.settings.backend is Backend.auto:
            backend = self._backend(self.steps)
            if backend is not self.backend:
                self.use(backend)
        batch = self.batches.next()
        with self.threads, quiet():
            try:
                loss = self._gradients(batch)
            except MemoryError as error:
                raise OutOfMemory(
                    f"step {self.steps + 1}: {error}; lower batch_size, cell.hidden_size or the "
                    "length of the examples"
                ) from None
            self._update(loss, batch.tokens)
        s = self.settings.smoothing
        self.smooth_loss = s * self.smooth_loss + (1 - s) * loss
        return loss

    def _gradients(self, batch: Batch) -> float:
        """Forward, loss, backward; ``grads`` holds the gradients afterwards."""
        network, params, scratch = self.network, self.params, self._scratch
        states = self.states if batch.carried else self._zero_states()
        rng = self.rngs["dropout"]
        h, states, caches = network.forward(params, batch.x, states, batch.lengths, scratch, rng)
        own = scratch.child("head")
        loss, _, cache = network.head.forward(params["head"], h, batch.y, batch.lengths, own)
        self._refuse_infinite(loss, "the loss")
        self.states = states
        dhead, dh = network.head.backward(params["head"], cache, own)
        found = network.backward(params, caches, dh, scratch)
        found["head"] = dhead
        _collect(found, self.grads)
        self.observation = None
        if any(_is_due(probe, self.steps + 1) for probe in self.components.probes.values()):
            self.observation = Observation(
                self.steps + 1,
                batch.x,
                batch.y,
                batch.lengths,
                h,
                dh,
                params,
                self.grads,
                self.corpus.vocabulary.symbols,
                network,
            )
        return loss

    def observations(self) -> Iterator[tuple[str, Findings]]:
        """What the probes that were due found in the last step."""
        seen = self.observation
        if seen is None:
            return
        for name, probe in self.components.probes.items():
            if _is_due(probe, seen.step):
                yield name, probe.observe(seen)

    def _update(self, loss: float, tokens: int) -> None:
        """Clip and update, or raise Diverged before anything is changed."""
        norm = _norm(self.grads.flat)
        self._refuse_infinite(norm, "the gradient's norm")
        if self.observation is not None:
            self.observation = self.observation._replace(grads=self.grads.copy())
        optimizer = self.components.optimizer
        clipped = self.components.clipper.clip(self.grads, norm)
        step = self.steps + 1
        rate = optimizer.learning_rate * self.components.schedule.factor(step)
        optimizer.update(
            self.params, self.grads, self.optimizer_state, rate, step, self._scratch.child("update")
        )
        self.steps = step
        self.figures = Figures(loss, norm, bool(clipped), rate, tokens)

    def _refuse_infinite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise Diverged(
                f"step {self.steps + 1}: {what} is {value}; lower optimizer.learning_rate "
                "or clipper.limit, or use dtype=float64"
            )

    def evaluate(self) -> float:
        """The held-out loss, nats a token; nan where nothing is held out."""
        return math.nan if self.corpus.val is None else self._mean_nats(self.corpus.val)

    def evaluate_train(self) -> float:
        """The same of the training part: no dropout, nats a token."""
        return self._mean_nats(self.corpus.train)

    def _mean_nats(self, split: Split) -> float:
        split = first_tokens(split, self.settings.eval_tokens)
        with self.threads, quiet():
            return mean_nats(self.network, self.params, split, self._evaluation_scratch)

    def sample(self, count: int) -> list[str]:
        """``count`` new texts."""
        vocabulary = self.corpus.vocabulary
        with self.threads, quiet():
            texts = generate(
                self.network,
                self.params,
                self.components.sampler,
                self.rngs["sampling"],
                count,
                self.settings.sample_length,
                end=vocabulary.end_id,
            )
        return [vocabulary.decode(text) for text in texts]


def quiet() -> np.errstate:
    """What is not finite is refused in words, after the fact: NumPy need not warn as well."""
    return np.errstate(over="ignore", invalid="ignore")


def _is_due(probe: Probe, step: int) -> bool:
    return step == 1 or step % probe.every == 0


def _collect(found: Mapping[str, Mapping[str, Array]], grads: Parameters) -> None:
    """Bring what backward returned into the flat gradient, where it is not there already."""
    for part, arrays in grads.items():
        given = found[part]
        for name, array in arrays.items():
            got = given.get(name)
            if got is array:
                continue
            if got is None or np.shape(got) != array.shape:
                raise PluginError(
                    f"{part}: backward returned for parameter {name} "
                    f"{'nothing' if got is None else f'shape {np.shape(got)}'}, "
                    f"expected shape {array.shape}"
                )
            array[...] = got


def _norm(flat: Array) -> float:
    """The L2 norm; in float64 where the sum of float32 squares overflows."""
    squares = float(np.dot(flat, flat))
    if math.isfinite(squares):
        return math.sqrt(squares)
    return float(np.linalg.norm(flat.astype(np.float64)))
