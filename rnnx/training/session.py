"""One experiment in memory, and the training step: batch → forward → loss → backward → update."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from rnnx.config.components import Components, components_from, settings_from
from rnnx.config.identity import identity_of
from rnnx.config.settings import Backend, Train
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.execution import Execution
from rnnx.contracts.probes import Findings, Observation
from rnnx.data.batches import Batch, TrainBatches
from rnnx.data.corpus import Corpus, Split
from rnnx.data.sequences import Endless
from rnnx.errors import Diverged, OutOfMemory, PluginError
from rnnx.models.backend import blas_threads, choose, compiler_ready, kernel_threads, load
from rnnx.models.evaluation import Measured, first_tokens, mean_nats, measure
from rnnx.models.generation import generate, grammar_of
from rnnx.models.heads import unit_of_loss
from rnnx.models.network import States, quiet, restart
from rnnx.models.paths import paths
from rnnx.models.size import refuse_large_steps
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import load_corpus, refuse_wrong_values
from rnnx.registry.update_checks import CheckedUpdate, try_update
from rnnx.system.threads import BlasThreads
from rnnx.training.first_step import checked_first_step
from rnnx.training.generators import generators_of
from rnnx.training.probing import Probing
from rnnx.training.step_records import Gradients, StepMetrics
from rnnx.training.task import fitted, left_out, measured_part, starting_loss
from rnnx.training.union import Union
from rnnx.training.weights import Weights


class Session:
    """One experiment in memory: data, parameters, and the step that improves them."""

    def __init__(self, config: Mapping[str, Any], corpus: Corpus | None = None) -> None:
        self.config = config
        self.settings: Train = settings_from(config)
        self.components: Components = components_from(config)
        settings, parts = self.settings, self.components
        self.corpus = corpus or load_corpus(parts.dataset)
        self.network, self.monitor = fitted(config, settings, parts, self.corpus)
        self.identity = identity_of(config, self.corpus)
        is_language = self.corpus.is_language
        self.grammar = grammar_of(parts.dataset, self.corpus.vocabulary) if is_language else None
        self.rngs = generators_of(settings.seed)
        self.threads = BlasThreads(blas_threads(settings))
        self._kernel_threads = kernel_threads(settings, parts.cell)
        self._probing = Probing(parts.probes)
        self.steps = 0
        self.smooth_loss = starting_loss(settings, self.corpus)
        self.metrics: StepMetrics | None = None
        self.held_out = Measured(math.nan, {})  # of the last evaluation
        self.observation: Observation | None = None  # of the last step, where a probe is due
        self._use(self._backend(self.steps))
        with self.threads:  # an orthogonal matrix's last bits depend on their number
            weights = Weights(self._network, self.rngs["init"], parts, settings, self.corpus)
        self.weights, self.params, self.grads = weights, weights.params, weights.grads
        self.average = weights.average  # the parameters themselves where none is kept
        self._bind()
        how = settings.batch_size, self.rngs["order"], settings.crossover, settings.state_reset
        self.batches = TrainBatches(self.corpus.train, *how)
        about = *left_out(settings, self.corpus), *measured_part(settings, self.corpus)
        self.notes = [*self.corpus.notes, *about, *self.batches.notes()]
        with self.threads, quiet(), attributing():
            T, B = self.batches.longest, settings.batch_size
            refuse_large_steps(self._network, self.params, T, B)
        self.states: States = self._zero_states()

    def load(self) -> None:
        """Load the kernels, or compile them, that the next step but the first would wait for."""
        if self.is_compiled or (self.settings.steps > 1 and self._backend(1) is Backend.fast):
            own, form = self.components, Execution(True, self._kernel_threads)
            rules = partial(try_update, own.clipper, own.optimizer, form, self.params.flat.dtype)
            given = self.network, self.params, self.states, self._kernel_threads, rules
            with self.threads, quiet():
                load(*given, at_once=False)

    @property
    def is_compiled(self) -> bool:
        """Whether the next step is."""
        return self.backend is Backend.fast

    def compiler_ready(self) -> AbstractContextManager[None]:
        """Inside, what :meth:`load` would wait for gets ready beside this process."""
        return compiler_ready(self.settings, self.components.cell.hidden_size)

    def _backend(self, done: int) -> Backend:
        return choose(self.settings, self.components.cell.hidden_size, done)

    def _use(self, backend: Backend) -> None:
        self.backend = backend
        self.execution = Execution(backend is Backend.fast, self._kernel_threads)
        self._network = self.network.on(self.execution)
        self._scratch = Scratch()
        self._evaluation_scratch = Scratch()

    def use(self, backend: Backend) -> None:
        """Compute with ``backend`` (numpy or fast) from the next step on."""
        self._use(backend)
        self._bind()

    def _bind(self) -> None:
        """Update, and write gradients, as the backend of now has it."""
        self._update = CheckedUpdate(self.weights.rules.parts, self.execution)
        self._moves = self._scratch.child("update")
        self._weighted_path, self._path = paths(
            self._network, self.params, self.grads, self._scratch
        )
        self._zeros: States | None = None  # made when asked for: the batch may not fit into memory

    def _zero_states(self) -> States:
        if self._zeros is None:
            B, dtype = self.settings.batch_size, self.settings.dtype.value
            self._zeros = self._network.initial_state(B, dtype)
        return tuple([tuple([array.copy() for array in state]) for state in self._zeros])

    def step(self) -> float:
        """One update; the loss that it optimised.

        Raises Diverged, with parameters and state as they were before, if the loss or the
        gradient is not finite.
        """
        with self.threads, quiet():
            return self.update()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Inside, the BLAS has the run's number of threads: see :meth:`update`."""
        with self.threads, quiet():
            yield

    def update(self) -> float:
        """:meth:`step` for a caller that makes many: it stands inside :meth:`computing`."""
        self.prepare()
        number = self.steps + 1
        union = self.weights.union
        batch, found = self._next(number) if union is None else self._all_batches(number, union)
        self.states = found.states
        self.observation = self._observation(number, batch, found)
        clipped, rate = self._update(
            self.params,
            self.grads,
            found.norm,
            number,
            self._moves,
        )
        self.weights.follow(number)
        self.steps = number
        self.metrics = StepMetrics(found.loss, found.norm, clipped, rate, batch.tokens)
        s = self.settings.smoothing
        before = found.loss if math.isnan(self.smooth_loss) else self.smooth_loss
        self.smooth_loss = s * before + (1 - s) * found.loss
        return found.loss

    def prepare(self) -> None:
        """Load what the next step computes with; :meth:`update` does so where nobody has."""
        may_change = self.steps == 1 and self.settings.backend is Backend.auto
        if may_change and (backend := self._backend(self.steps)) is not self.backend:
            self.use(backend)

    def _next(self, number: int) -> tuple[Batch, Gradients]:
        """The next batch, and its gradients in ``grads``; they are for update ``number``."""
        batch = self.batches.next()
        return batch, self._first_gradients(batch) if number == 1 else self._gradients(batch)

    def _all_batches(self, number: int, union: Union) -> tuple[Batch, Gradients]:
        """The last of an update's batches, with loss, gradient and tokens of all of them."""
        before = self.states
        try:
            for more in range(self.settings.accumulate):
                batch, found = self._next(number + more)
                self.states = found.states
                union.add(batch, found.loss)
        except Diverged:
            self.states = before
            raise
        finally:
            loss, tokens = union.end()
        return batch._replace(tokens=tokens), found._replace(loss=loss, norm=self._norm())

    def _gradients(self, batch: Batch) -> Gradients:
        """Forward, loss, backward: the gradients go to ``grads``.

        Raises Diverged if the loss or the gradient is not finite.
        """
        states = self.states if batch.carried else self._zero_states()
        if batch.reset is not None:
            states = restart(states, self._zero_states(), batch.reset)
        try:
            path = self._path if batch.weights is None else self._weighted_path
            loss, h, states = path.forward(batch, states, self.rngs["dropout"])
            if not math.isfinite(loss):
                self._refuse_wrong_values(batch)
                self._update.refuse_clipped(self.grads)  # they are still the last update's
                self._refuse_infinite(loss, "the loss")
            dh, squares = path.backward(h)
        except MemoryError as error:
            raise OutOfMemory(
                f"step {self.steps + 1}: {error}; lower batch_size, cell.hidden_size or the "
                "length of the examples"
            ) from None
        except (IndexError, PluginError) as error:
            if isinstance(error.__cause__ or error, IndexError):
                self._refuse_wrong_values(batch)
            raise
        norm = self._norm(squares)
        if not math.isfinite(norm):
            self._refuse_infinite(norm, "the gradient's norm")
        return Gradients(loss, norm, states, h, dh)

    def _refuse_wrong_values(self, batch: Batch) -> None:
        """PluginError where the data set is at fault for what a batch led to."""
        network = self._network
        refuse_wrong_values(self.components.dataset, batch, network.n_symbols, network.targets)

    def _norm(self, squares: float | None = None) -> float:
        """The L2 norm of the gradients, by one thread: a second would spin on for too long."""
        if self.threads.count == 1:
            return self.grads.norm(squares)
        with BlasThreads(1):
            return self.grads.norm(squares)

    def _first_gradients(self, batch: Batch) -> Gradients:
        """The same at the first step, where a component that breaks its contract is looked for."""
        if isinstance(self.corpus.train, Endless):  # other data was looked through when loaded
            self._refuse_wrong_values(batch)
        return checked_first_step(
            lambda: self._gradients(batch),
            self.network,
            self.params,
            batch,
            read_only_inputs=not self.execution.compiled,  # compiled code takes none
        )

    def _observation(self, step: int, batch: Batch, found: Gradients) -> Observation | None:
        """What probes may look at, where one is due; gradients as they are before clipping."""
        if not (self.components.probes and self._probing.is_due(step)):
            return None
        symbols, grads = self.corpus.vocabulary.symbols, self.grads.copy()
        x, y, lengths = batch.x, batch.y, batch.lengths
        return Observation(
            step, x, y, lengths, found.h, found.dh, self.params, grads, symbols, self.network
        )

    def observations(self) -> Iterator[tuple[str, Findings | PluginError]]:
        """What the probes that are due found in the last step, or how one of them failed."""
        return self._probing.findings(self.observation) if self.observation else iter(())

    def _refuse_infinite(self, value: float, what: str) -> None:
        limited = hasattr(self.components.clipper, "limit")
        advice = "optimizer.learning_rate" + (" or clipper.limit" if limited else "")
        raise Diverged(
            f"step {self.steps + 1}: {what} is {value}; lower {advice}, or use dtype=float64"
        )

    def evaluate(self) -> float:
        """The held-out loss, in ``loss_unit``; nan where nothing is held out."""
        found = self.measure()
        return math.nan if found is None else found.loss

    def measure(self, with_profiles: bool = False) -> Measured | None:
        """The held-out loss and the head's metrics; None where nothing is held out.

        ``with_profiles``: by length and by age, too.
        """
        if self.corpus.val is None:
            return None
        self.held_out = self._measure(self.corpus.val, with_profiles)
        return self.held_out

    def evaluate_train(self) -> float:
        """The loss on the training part, without dropout; nan where that has no end."""
        train = self.corpus.train
        return math.nan if isinstance(train, Endless) else self._measure(train).loss

    def _measure(self, split: Split, with_profiles: bool = False) -> Measured:
        split = first_tokens(split, self.settings.eval_tokens)
        own = self._network, self.average
        with self.threads, quiet(), attributing():
            if self.corpus.is_language:
                return Measured(mean_nats(*own, split, self._evaluation_scratch), {})
            return measure(*own, [split], self._evaluation_scratch, with_profiles)

    @property
    def loss_unit(self) -> str:
        """The unit of the loss: ``nats a character``, ``absolute error a step``."""
        return unit_of_loss(self.components.head, self.corpus.targets, self.corpus.vocabulary)

    def monitored(self, value: float, higher_is_better: bool = False) -> None:
        """Tell the schedule the held-out metric, as training does after each evaluation."""
        self.weights.rules.evaluated(value, higher_is_better)

    def sample(self, count: int) -> list[str]:
        """``count`` new texts; none where the data is no language."""
        if not self.corpus.is_language:
            return []
        vocabulary = self.corpus.vocabulary
        with self.threads, quiet():
            texts = generate(
                self.network,
                self.average,
                self.components.sampler,
                self.rngs["sampling"],
                count,
                self.settings.sample_length,
                end=vocabulary.end_id,
                grammar=self.grammar,
            )
        return [vocabulary.decode(text) for text in texts]
