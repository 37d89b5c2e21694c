"""Matplotlib figures as PNG files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, or in a function that it decorates, Matplotlib is imported and draws.

    No warning of its own or of what it imports, which ``python -W error`` makes an exception, ends
    the run whose picture it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def plain_texts() -> Iterator[None]:
    """Inside, figures show texts to the letter: no formulas between dollar signs, no TeX."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}):
        yield


def png_bytes(figure: Any, dpi: int = 120, compress_level: int = 6) -> bytes:
    """The figure as the bytes of a PNG file; ``compress_level`` is zlib's, 0 to 9."""
    file = io.BytesIO()
    with drawing():  # a character that the font lacks is drawn as a box; texts come from the data
        figure.savefig(file, format="png", dpi=dpi, pil_kwargs={"compress_level": compress_level})
    return file.getvalue()
