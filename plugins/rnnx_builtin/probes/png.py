"""A figure as the bytes that a probe's picture is made of."""

from __future__ import annotations

import io
from typing import Any


def png(figure: Any) -> bytes:
    """A Matplotlib figure as a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()
