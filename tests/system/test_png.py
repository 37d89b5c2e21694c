"""Pictures, where warnings are errors (python -W error)."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from rnnx.contracts.trackers import Point
from rnnx.runs import loss_curve
from rnnx.runs.loss_curve import curve_png, load_drawing, warm_up
from rnnx_builtin.probes.gradient_by_lag import plot_by_lag

PNG = b"\x89PNG"


def curve() -> bytes | None:
    return curve_png({"train/loss": [Point("train/loss", 3.0, step, 0) for step in (1, 2)]})


@pytest.mark.parametrize("draw", [curve, lambda: plot_by_lag({"a": np.ones(3)})])
@pytest.mark.parametrize("method", ["__init__", "savefig", "add_subplot"])
def test_a_warning_of_the_library_that_draws_is_no_error(
    draw: Callable[[], bytes | None], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    does = getattr(Figure, method)

    def warn(self: Figure, *given: object, **more: object) -> object:
        warnings.warn("'oneOf' deprecated - use 'one_of'", DeprecationWarning, stacklevel=2)
        return does(self, *given, **more)

    monkeypatch.setattr(Figure, method, warn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        png = draw()
        assert warnings.filters == before
    assert png is not None and png.startswith(PNG)


@pytest.mark.parametrize("norms", [[], [0.5, 2.0], [1e-3, 1e3]])
def test_axes_that_were_made_before_change_no_figure(norms: list[float]) -> None:
    """A job of a sweep draws into axes that were made before it was forked."""
    history = {
        "val/loss": [Point("val/loss", 3.0 / step, step * 100, 0) for step in (1, 2, 3)],
        "grad/norm": [Point("grad/norm", norm, step, 0) for step, norm in enumerate(norms)],
    }
    alone = curve_png(history, "bits")
    warm_up()
    assert curve_png(history, "bits") == alone
    assert curve_png(history, "bits") == alone  # the next one of the same process


def test_a_run_draws_into_axes_that_were_made_beside_its_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = curve()
    load_drawing()
    load_drawing()  # a second run of the process before the first one has drawn
    monkeypatch.setattr(loss_curve, "_empty", None)
    assert curve() == alone
    assert loss_curve._EMPTY == []


def test_a_warning_while_axes_are_made_beside_training_leaves_them_to_the_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matplotlib.figure import Figure

    alone = curve()
    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("error")
        patched.setattr(Figure, "subplots", lambda *_, **__: warnings.warn("old", stacklevel=1))
        before = list(warnings.filters)
        load_drawing()
        assert warnings.filters == before and loss_curve._EMPTY == []
    assert curve() == alone
