"""The training step: batch → forward → loss → backward → clip → update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.settings import Backend, Train
from rnnx.contracts.probes import Findings, Observation, Probe
from rnnx.contracts.scratch import Scratch
from rnnx.data.batches import Batch, TrainBatches
from rnnx.data.corpus import Corpus, Split
from rnnx.errors import Diverged, OutOfMemory, PluginError
from rnnx.models.backend import choose, load, thread_count
from rnnx.models.evaluation import first_tokens, mean_nats
from rnnx.models.generation import generate, grammar_of
from rnnx.models.network import Network, States, quiet
from rnnx.registry import checks
from rnnx.registry.attribution import answering
from rnnx.registry.checks import load_corpus
from rnnx.system.memory import told_as, within_free_memory
from rnnx.system.threads import BlasThreads
from rnnx.training.first_step import Watched
from rnnx.training.probing import observe

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
        self.corpus = corpus or load_corpus(self.components.dataset, seed)
        self.grammar = grammar_of(self.components.dataset, self.corpus.vocabulary)
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
        self._one_thread = BlasThreads(1) if self.threads.count > 1 else nullcontext()
        with self.threads:  # an orthogonal matrix's last bits depend on their number
            self._make_arrays(room or within_free_memory())
        self.batches = TrainBatches(self.corpus.train, self.settings.batch_size, self.rngs["order"])
        self.states: States = self._zero_states()
        self.steps = 0
        self.smooth_loss = self.settings.smoothing_start * math.log(len(self.corpus.vocabulary))
        self.figures: Figures | None = None
        self.use(self._backend(self.steps))
        self.observation: Observation | None = None  # of the last step, where a probe was due
        self.lost_probes: set[str] = set()  # those that failed
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
        with told_as(f"{what}; choose a smaller network"), room, answering():
            self.params = self.network.init(self.rngs["init"], self.settings.dtype.value)
            self.grads = self.params.zeros_like()
            optimizer = self.components.optimizer
            self.optimizer_state = checks.optimizer_state(optimizer, optimizer.init(self.params))

    def _zero_states(self) -> States:
        return self.network.initial_state(self.settings.batch_size, self.settings.dtype.value)

    def step(self) -> float:
        """One update; the loss that it optimised.

        Raises Diverged, with parameters and state as they were before, if the loss or the
        gradient is not finite.
        """
        may_change = self.steps == 1 and self.settings.backend is Backend.auto
        if may_change and (backend := self._backend(self.steps)) is not self.backend:
            self.use(backend)
        batch = self.batches.next()
        with self.threads, quiet(), answering():
            try:
                with Watched(
                    self.network,
                    self.params,
                    self.components.dataset,
                    batch,
                    first=self.steps == 0,
                    guarded=self.backend is Backend.numpy,  # kernels take no read-only arrays
                ):
                    loss, norm = self._gradients(batch)
            except MemoryError as error:
                raise OutOfMemory(
                    f"step {self.steps + 1}: {error}; lower batch_size, cell.hidden_size or the "
                    "length of the examples"
                ) from None
            self._update(loss, norm, batch.tokens)
        s = self.settings.smoothing
        self.smooth_loss = s * self.smooth_loss + (1 - s) * loss
        return loss

    def _gradients(self, batch: Batch) -> tuple[float, float]:
        """Forward, loss, backward: the loss and the norm of the gradients, which ``grads`` holds.

        Raises Diverged if either is not finite.
        """
        network, params, scratch = self.network, self.params, self._scratch
        states = self.states if batch.carried else self._zero_states()
        rng = self.rngs["dropout"]
        h, states, caches = network.forward(params, batch.x, states, batch.lengths, scratch, rng)
        own = scratch.child("head")
        head, T, B = network.head, *batch.y.shape
        told = head.forward(params["head"], h, batch.y, batch.lengths, own)
        loss, _, cache = checks.head_loss(head, told, T, B)
        self._refuse_infinite(loss, "the loss")
        self.states = states
        back = head.backward(params["head"], cache, own)
        dhead, dh = checks.head_gradients(head, back, params["head"], h)
        found = network.backward(params, caches, dh, scratch)
        found["head"] = dhead
        self.grads.take(found)
        self.observation = None
        probes = self.components.probes
        if probes and any(_is_due(probe, self.steps + 1) for probe in probes.values()):
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
        with self._one_thread:  # the BLAS's second one would spin for long after so small a sum
            norm = self.grads.norm()
        self._refuse_infinite(norm, "the gradient's norm")
        return loss, norm

    def observations(self) -> Iterator[tuple[str, Findings | PluginError]]:
        """What the probes that were due found in the last step, or how one of them failed.

        A probe that failed is not asked again: a picture is not worth a run.
        """
        seen = self.observation
        if seen is None:
            return
        for name, probe in self.components.probes.items():
            if name not in self.lost_probes and _is_due(probe, seen.step):
                found = observe(probe, seen)
                if isinstance(found, PluginError):
                    self.lost_probes.add(name)
                yield name, found

    def _update(self, loss: float, norm: float, tokens: int) -> None:
        """Clip and update."""
        if self.observation is not None:
            self.observation = self.observation._replace(grads=self.grads.copy())
        optimizer = self.components.optimizer
        clipped = self.components.clipper.clip(self.grads, norm)
        step, schedule, flat = self.steps + 1, self.components.schedule, self.params.flat
        rate = optimizer.learning_rate * checks.factor(schedule, schedule.factor(step), step)
        optimizer.update(
            self.params, self.grads, self.optimizer_state, rate, step, self._scratch.child("update")
        )
        checks.updated(optimizer, self.params, flat)
        self.steps = step
        self.figures = Figures(loss, norm, bool(clipped), rate, tokens)

    def _refuse_infinite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            limit = " or clipper.limit" if "limit" in self.config["clipper"] else ""
            raise Diverged(
                f"step {self.steps + 1}: {what} is {value}; lower optimizer.learning_rate{limit}, "
                "or use dtype=float64"
            )

    def evaluate(self) -> float:
        """The held-out loss, nats a token; nan where nothing is held out."""
        return math.nan if self.corpus.val is None else self._mean_nats(self.corpus.val)

    def evaluate_train(self) -> float:
        """The same of the training part: no dropout, nats a token."""
        return self._mean_nats(self.corpus.train)

    def _mean_nats(self, split: Split) -> float:
        split = first_tokens(split, self.settings.eval_tokens)
        with self.threads, quiet(), answering():
            return mean_nats(self.network, self.params, split, self._evaluation_scratch)

    def sample(self, count: int) -> list[str]:
        """``count`` new texts."""
        with self.threads, quiet():
            texts = generate(
                self.network,
                self.params,
                self.components.sampler,
                self.rngs["sampling"],
                count,
                self.settings.sample_length,
                end=self.corpus.vocabulary.end_id,
                grammar=self.grammar,
            )
        return [self.corpus.vocabulary.decode(text) for text in texts]


def _is_due(probe: Probe, step: int) -> bool:
    return step == 1 or step % probe.every == 0
