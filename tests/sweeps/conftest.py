"""Sweeps whose page has no figures, except where a test asks for them."""

import pytest

from rnnx.comparison import page

DRAW_FIGURES = page.draw_figures


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out: drawing them takes a third of a tiny sweep's time."""
    monkeypatch.setattr(page, "draw_figures", lambda comparison: {})


@pytest.fixture
def figures(no_figures: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw them all the same."""
    monkeypatch.setattr(page, "draw_figures", DRAW_FIGURES)
