"""Values of metrics, as a table and as JSON have them."""

from __future__ import annotations

import math


def format_value(metric: str, value: float | None) -> str:
    """A value of this metric in a table; a dash for none."""
    if value is None or math.isnan(value):
        return "—"
    if metric.endswith("tokens_per_s"):
        return f"{value:.0f}"
    if metric.endswith("seconds"):
        return f"{value:.1f}"
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def or_null(value: float) -> float | None:
    """The value; None, for JSON, where it is not finite."""
    return value if math.isfinite(value) else None
