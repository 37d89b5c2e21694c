"""The whole conformance suite of the cells whose gates see the input alone."""

from typing import ClassVar

from rnnx.testing import CellSuite
from rnnx_zoo.lru import LRU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.sru import SRU


class TestLinearCells(CellSuite):
    components: ClassVar = [MinGRU(), MinLSTM(), SRU(), LRU(), RGLRU()]
