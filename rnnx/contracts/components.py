"""The contracts, in the order in which data flows through them.

    text ─dataset─► ids ─batches─► x, y ─cell─► h ─head─► loss
    sampler ◄── logits     params ◄─optimizer◄─clipper◄─ gradients

A component is a frozen dataclass of its hyperparameters: numbers, strings, booleans, Enums,
``float | None`` or nested dataclasses of these. ``__post_init__`` checks their ranges. It holds
no parameters and no state: these are data, passed in and returned. What is heavy is imported
inside functions; a class may name such modules in ``preload: ClassVar[tuple[str, ...]]``, and a
sweep imports them once for all its jobs. It calls ``warm_up()`` once, too, where a component has
it, before it forks them: no connection, file or thread may be left of that. A tracker may name
variables in ``environment`` that its jobs on other machines are to have as the driver has them.

One alphabet everywhere: T time, B batch, n_x inputs, n_a hidden units, n_y outputs; gradients are
``d`` + name. Layout is features × batch with time first:

    ids (T, B) · dense x (T, n_x, B) · hidden states (T, n_a, B) · logits (T, n_y, B)
    weights (n_out, n_in) · biases (n, 1)

so that a step is ``W @ h``. An input id of −1 is the zero vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State

if TYPE_CHECKING:
    from rnnx.contracts.buffers import Parameters, Scratch
    from rnnx.data.corpus import Corpus
    from rnnx.data.named_file import NamedFile
    from rnnx.data.vocabulary import Vocabulary


API_VERSION = 1
"""The version of these contracts. A plugin may say ``requires_api = 1`` in its module."""

_TEXT = ("dataset", "cell", "block", "initializer", "head")
_TRAINING = ("clipper", "optimizer", "schedule", "sampler", "tracker", "probe")
KINDS = {kind: f"{kind}s" for kind in (*_TEXT, *_TRAINING)}
"""Config group → the plural of its hook ``register_<plural>``, in flow order."""


class Dataset(Protocol):
    """Turns text (or anything else that is a sequence of symbols) into ids.

    A data set whose split is random has the field ``split_seed: int = 0``. The split is the data
    set's, whatever the run's seed: runs over several seeds are measured on the same examples.
    """

    def load(self, seed: int) -> Corpus:
        """Read the data, build the vocabulary and split off the held-out part.

        ``seed`` (≥ 0) decides a random split: it is the field ``split_seed``, 0 where there is
        none. The same seed gives the same corpus.
        Raises :class:`rnnx.errors.DataError` for data that cannot be learned from.
        """


class Grammar(Protocol):
    """What may come next in a text: a symbol that may not is never drawn.

    It is a function of a state that is passed in and returned: arrays whose last axis is B.
    """

    def start(self, B: int) -> State:
        """The state before the first symbol of B texts."""

    def allowed(self, state: State) -> Array:
        """(n_y, B) of bool; a column without a True is a text that has ended."""

    def follow(self, state: State, ids: Array) -> State:
        """The state after ids (B,); those of a text that has ended change nothing."""


@runtime_checkable
class GrammaticalDataset(Dataset, Protocol):
    """A data set whose texts follow a grammar: optional. New ones are written under it."""

    def grammar(self, vocabulary: Vocabulary) -> Grammar:
        """The grammar over the ids of ``vocabulary``; it reads no data.

        Raises :class:`rnnx.errors.DataError` where no text over these symbols follows it.
        """


@runtime_checkable
class TextReader(Dataset, Protocol):
    """A data set of texts with targets that also reads new texts, which have none: optional."""

    def texts(self, file: NamedFile) -> Iterator[str]:
        """The texts in a file that the user gives to be predicted, as ``load`` would read them.

        A file with targets is taken, too. Without this method a line is a text. Raises
        :class:`rnnx.errors.DataError` for a file that holds no texts.
        """


class Cell(Protocol):
    """A recurrent cell that works on a whole sequence."""

    hidden_size: int
    """n_a, the number of hidden units (≥ 1)."""

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """Fresh parameters by name, for inputs of n_x features (or a vocabulary of n_x ids)."""

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The zero state before the first step: h (n_a, B), then arrays of any shape (…, B)."""

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """Run all T steps: ``h (T, n_a, B), final state, cache``.

        ``x`` is (T, B) ids (−1: the zero vector) or (T, n_x, B) dense. ``lengths`` is (B,) ints
        or None (all T): a column's final state is that of its last valid step, and h beyond it
        is 0. ``x``, ``state`` and ``params`` are not changed. ``h`` and the cache may live in
        ``scratch``, where they last until the next forward.
        """

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """Run all steps back: ``dparams, dx, dstate0``.

        ``dh`` (T, n_a, B) is the gradient of the loss by h (what lies beyond a column's length is
        ignored), ``dstate`` that by the final state (None: zero). ``dx`` is (T, n_x, B), or None
        where x was ids. ``dh`` and ``dstate`` are not changed.
        """


@runtime_checkable
class StreamingCell(Cell, Protocol):
    """A cell that can also go one step at a time without preparing its weights anew: optional.

    New text is written with it where a cell has it, and with ``forward`` where not.
    """

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """A function of one step's ``x``, ids (B,) or dense (n_x, B), and the state before it.

        It returns the state after it, in arrays of its own; its values are ``forward``'s to
        rounding. ``params`` stay as they are between the calls, and B may change.
        """


@runtime_checkable
class GatedCell(Cell, Protocol):
    """A cell whose gates can be looked at: optional, for probes."""

    def gates(self, cache: Any) -> Params:
        """Each gate's values, 0 … 1, (T, n_a, B) by its letter, from what forward kept."""


@runtime_checkable
class RecurrentWeights(Cell, Protocol):
    """A cell that names its recurrent weights: optional, for ``weight_dropout``."""

    recurrent_weights: ClassVar[tuple[str, ...]]
    """The parameters that take h⟨t−1⟩ to the next step, as ``("Wh",)``."""


class Initializer(Protocol):
    """Fills a weight matrix or a bias."""

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        """A fresh (n_out, n_in) array of weights that take n_in features to n_out."""


InitializerSpec: TypeAlias = Annotated[Any, "names an initializer"]
"""The type of a field that names an initializer: "normal", or {"name": "normal", "scale": 0.1}.

rnnx looks the initializer up when it makes the component, and a run's tags and checkpoints name
the plugin that owns it; the component fills an array with :func:`rnnx.fill`. The field stands in
the component or in a nested dataclass. Every field of a nested dataclass called ``weights`` names
an initializer, whatever its type.
"""


class Head(Protocol):
    """Turns hidden states into logits, and logits into a loss."""

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        """Fresh parameters by name, from n_a hidden units to n_y outputs."""

    def logits(self, params: Params, h: Array, scratch: Scratch) -> Array:
        """(T, n_a, B) → (T, n_y, B), unnormalised log-probabilities."""

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Any]:
        """``loss, nats, cache`` for target ids y (T, B).

        ``loss`` is what training optimises, under the head's own reduction; ``nats`` (T, B) is
        −ln p of each target, 0 beyond a column's length. ``h`` and ``y`` are not changed.
        """

    def backward(self, params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
        """``dparams, dh (T, n_a, B)`` of the loss; dh is 0 beyond a column's length."""


class Clipper(Protocol):
    """Bounds the gradients between backward and update."""

    def clip(self, grads: Parameters, norm: float) -> bool:
        """Bound ``grads`` in place; True if anything was changed.

        ``norm`` is the global L2 norm of ``grads``, which the training step has already measured.
        """


class Optimizer(Protocol):
    """Moves the parameters against their gradients."""

    learning_rate: float
    """The rate (> 0) that a schedule's factor multiplies."""

    def init(self, params: Parameters) -> Params:
        """Fresh state by name: arrays that a checkpoint keeps (none for plain descent)."""

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        """One update of ``params`` and ``state``, both in place.

        ``rate`` is the learning rate of this step, ``step`` counts updates from 1. ``grads`` may
        be used up. Elementwise rules work on the flat vectors ``params.flat`` and ``grads.flat``.
        """


class Schedule(Protocol):
    """A factor on the learning rate, a function of the step alone."""

    def factor(self, step: int) -> float:
        """The factor (≥ 0) for update number ``step`` (≥ 1)."""


class Sampler(Protocol):
    """Turns logits into ids; knows nothing of text."""

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        """(n_y, B) logits → (B,) ids.

        ``before`` (t, B) are the ids that each text has so far, the prompt's among them.
        ``logits`` and ``before`` are not changed.
        """


RECIPES = ("experiment", "sweep")  # groups of files that choose components and set values
TABLES = "reproduce"  # the folder beside them of published tables
