"""Every cell of the zoo under the whole suite, whatever loop it shares with others."""

from typing import Any

import pytest

from rnnx.testing import parametrize_with_checks
from rnnx_zoo.components import register_cells

ZOO: dict[str, Any] = {}
register_cells(ZOO.__setitem__)


@pytest.mark.slow
@parametrize_with_checks([cell() for cell in ZOO.values()], kind="cell")
def test_a_cell_keeps_the_whole_contract(component: Any, check: Any) -> None:
    check(component)
