"""What a cell may say of itself beside computing: all of it is optional, all of it is checked.

``rnnx describe`` prints which way its gates point and what a step costs; the conformance kit
compares it with what another implementation computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from rnnx.contracts.components import Cell


class GateWords(NamedTuple):
    """Which way a gate points, in words that begin with a verb.

    Papers and libraries disagree about it: z of a GRU keeps the state in one and writes in another.
    """

    at_one: str
    """What the gate does at 1: ``keeps h⟨t−1⟩``."""
    at_zero: str
    """What it does at 0: ``writes the candidate n``."""
    here: str = ""
    """The equation in this cell's convention, where another convention is in use."""
    elsewhere: str = ""
    """The same in the other convention, and who writes it so."""


@runtime_checkable
class DescribedGates(Cell, Protocol):
    """A cell that says which way its gates point: optional, for ``rnnx describe``."""

    gate_words: ClassVar[Mapping[str, GateWords]]
    """The gates by letter, as in the equations; those that ``gates`` shows are among them."""


@runtime_checkable
class CountedCell(Cell, Protocol):
    """A cell that counts its multiplications: optional.

    Without it each entry of a matrix among the parameters counts once, which is right where a step
    multiplies each matrix by one vector, and no matrices but parameters.
    """

    def multiplications(self, n_x: int) -> int:
        """The multiplications of one step and one column in products with matrices.

        Those of parameters with dense inputs and states, and those of a matrix in the state.
        Elementwise ones do not count.
        """


@runtime_checkable
class GoldenCell(Cell, Protocol):
    """A cell that names what another implementation computes: optional, for the conformance kit."""

    golden: ClassVar[tuple[str, ...]]
    """Files of golden vectors, as paths from the folder of the module that has the class."""
