"""The types of what is computed with: an array, arrays by name, a state."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Params: TypeAlias = dict[str, Array]
"""Arrays by name: parameters, gradients, an optimizer's state."""
State: TypeAlias = tuple[Array, ...]
"""A recurrent state: arrays whose last axis is B; the first is h."""
