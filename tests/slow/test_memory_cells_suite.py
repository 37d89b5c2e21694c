"""The whole conformance suite of matrix memories and exponential gates."""

from typing import ClassVar

from rnnx.testing import CellSuite
from rnnx_zoo.gated_delta import GatedDelta
from rnnx_zoo.mlstm import MLSTM
from rnnx_zoo.slstm import SLSTM


class TestMemoryCells(CellSuite):
    components: ClassVar = [SLSTM(), MLSTM(), GatedDelta(negative_eigenvalues=True)]
