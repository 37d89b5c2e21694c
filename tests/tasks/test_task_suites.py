"""Every memory task passes the conformance suite of data sets."""

from rnnx.testing import DatasetSuite
from rnnx_tasks.lengths import Lengths
from rnnx_tasks.parity import Parity

SHORT = Lengths(9, 4, 12, 10)


class TestParity(DatasetSuite):
    components = (Parity(SHORT, held_out=8), Parity(SHORT, every_step=True, held_out=8))
