"""The conformance kit: a suite of named checks for each kind of component.

from rnnx.testing import CellSuite

class TestMGU(CellSuite):
    component = MGU(hidden_size=5)
"""

from rnnx.testing.blocks import BlockSuite
from rnnx.testing.cells import CellSuite
from rnnx.testing.checks import CHECKS, parametrize_with_checks
from rnnx.testing.clippers import ClipperSuite
from rnnx.testing.datasets import DatasetSuite
from rnnx.testing.heads import HeadSuite
from rnnx.testing.initializers import InitializerSuite
from rnnx.testing.optimizers import OptimizerSuite
from rnnx.testing.probes import ProbeSuite
from rnnx.testing.samplers import SamplerSuite, chi_square
from rnnx.testing.schedules import ScheduleSuite
from rnnx.testing.suite import CheckFailed, NotApplicable, expect, make_suite
from rnnx.testing.trackers import TrackerSuite

__all__ = [
    "CHECKS",
    "BlockSuite",
    "CellSuite",
    "CheckFailed",
    "ClipperSuite",
    "DatasetSuite",
    "HeadSuite",
    "InitializerSuite",
    "NotApplicable",
    "OptimizerSuite",
    "ProbeSuite",
    "SamplerSuite",
    "ScheduleSuite",
    "TrackerSuite",
    "chi_square",
    "expect",
    "make_suite",
    "parametrize_with_checks",
]
