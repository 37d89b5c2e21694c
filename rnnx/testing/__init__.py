"""The conformance kit: one suite of named checks a kind, the same for built-ins and strangers.

from rnnx.testing import CellSuite

class TestMGU(CellSuite):
    component = MGU(hidden_size=5)
"""

from rnnx.testing.suite import CheckFailed, expect, make_suite

__all__ = ["CheckFailed", "expect", "make_suite"]
