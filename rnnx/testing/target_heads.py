"""The checks of HeadSuite for heads that say which targets they take, kind by kind of target."""

from __future__ import annotations

from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.target_heads import TargetHead
from rnnx.contracts.trackers import is_key
from rnnx.data.metrics import Prediction, counting
from rnnx.data.targets import NEXT_SYMBOL, Quantity, Targets, bits, classes, values
from rnnx.testing.counting_heads import check_counts
from rnnx.testing.gradients import check_slopes, same
from rnnx.testing.suite import Check, NotApplicable, expect

T, B, N_A, N_Y = 5, 4, 3, 4
LENGTHS = np.array([5, 3, 1, 4])
QUANTITIES = [Quantity(name, "m", 1.0, 2.0) for name in "abcd"]
KINDS = tuple(
    targets
    for whole in (False, True)
    for targets in (classes("abcd", whole), values(QUANTITIES, whole), bits("abcd", whole))
)


class Case(NamedTuple):
    params: Params
    h: Array  # (T, n_a, B)
    y: Array
    weights: Array | None


class Result(NamedTuple):
    loss: float
    losses: Array
    dparams: Params
    dh: Array


def of_symbols(check: Check) -> Check:
    """The same check, which is about the next symbol, for heads that take it."""

    @wraps(check)
    def checked(head: Any) -> None:
        if isinstance(head, TargetHead) and not head.takes(NEXT_SYMBOL):
            raise NotApplicable("the head does not take the next symbol")
        check(head)

    return checked


def taken(head: Any) -> list[Targets]:
    """The kinds of targets that a head takes; NotApplicable where it does not say."""
    if not isinstance(head, TargetHead):
        raise NotApplicable("the head says not which targets it takes: the next symbol alone")
    found = [targets for targets in KINDS if head.takes(targets)]
    if not found and not head.takes(NEXT_SYMBOL):
        kinds = "classes, values or bits, of steps or of sequences"
        expect(False, f"takes: is False for the next symbol and for all {kinds}")
    if not found:
        raise NotApplicable("the head takes the next symbol alone")
    return found


def make_case(
    head: TargetHead, targets: Targets, seed: int = 0, weighted: bool = True, dtype: Any = float
) -> Case:
    """Random parameters, h and targets; a third of the weights is 0, never all of a column."""
    rng = np.random.default_rng(seed)
    params = head.init(rng, N_A, N_Y, dtype)
    params = {k: (v + rng.normal(scale=0.3, size=v.shape)).astype(dtype) for k, v in params.items()}
    shape: tuple[int, ...] = (B,) if targets.per_sequence else (T, B)
    weights = rng.choice([0.0, 0.5, 2.0], shape)
    weights[..., :1], weights[:1] = 1.0, np.where(weights[:1] > 0, weights[:1], 1.0)
    if targets.per_sequence:
        weights[-1] = 0.0
    if targets.are_ids:
        y: Array = rng.integers(0, N_Y, shape)
    else:
        full = (N_Y, B) if targets.per_sequence else (T, N_Y, B)
        y = rng.normal(size=full) if targets.quantities else rng.integers(0, 2, full)
        y = y.astype(dtype)
    h = rng.normal(size=(T, N_A, B)).astype(dtype)
    return Case(params, h, y, weights.astype(dtype) if weighted else None)


def run_case(head: TargetHead, case: Case, lengths: Array | None) -> Result:
    """Forward and backward, in arrays of their own."""
    scratch = Scratch()
    loss, losses, cache = head.measure(case.params, case.h, case.y, lengths, case.weights, scratch)
    losses = losses.copy()
    dparams, dh = head.backward(case.params, cache, scratch)
    return Result(loss, losses, {k: v.copy() for k, v in dparams.items()}, dh.copy())


def exercise_targets(head: Any, which: int) -> dict[str, Any]:
    """Losses, gradients and predictions for each kind of targets that a head takes."""
    results: dict[str, Any] = {}
    for targets in KINDS if isinstance(head, TargetHead) else ():
        if head.takes(targets):
            case = make_case(head, targets, 40 + which)
            found = run_case(head, case, LENGTHS)
            named: dict[str, Any] = {"losses": found.losses, "dh": found.dh, **found.dparams}
            seen = _predict(head, case, LENGTHS, targets)
            named |= {"prediction": seen.y, "p": seen.p}
            results |= {f"{targets.words}: {k}": v for k, v in named.items() if v is not None}
    return results


def _predict(head: TargetHead, case: Case, lengths: Array | None, targets: Targets) -> Prediction:
    whole = targets.per_sequence
    return head.predict(case.params, case.h, lengths, whole, Scratch())


def check_target_gradients(head: Any) -> None:
    """For each kind of targets the gradients equal central differences, with ragged lengths and
    weights of which some are 0.
    """
    for targets in taken(head):
        for lengths in (None, LENGTHS):
            for weighted in (False, True):
                case = make_case(head, targets, 1, weighted)
                found = run_case(head, case, lengths)

                def loss(case: Case = case, lengths: Array | None = lengths) -> float:
                    given = case.params, case.h, case.y, lengths, case.weights
                    return float(head.measure(*given, Scratch())[0])

                check_slopes(loss, {**case.params, "h": case.h}, {**found.dparams, "h": found.dh})


def check_target_losses(head: Any) -> None:
    """``losses`` has one number a target, is 0 in the padding, and is not yet weighted; the loss
    is a sum of losses times weights.
    """
    for targets in taken(head):
        case = make_case(head, targets, 2)
        plain = case._replace(weights=None)
        for lengths in (None, LENGTHS):
            found, same_as = run_case(head, case, lengths), run_case(head, plain, lengths)
            shape = (B,) if targets.per_sequence else (T, B)
            given = found.losses.shape
            expect(given == shape, f"{targets.words}: losses are {given}, expected {shape}")
            counts = counting(None, lengths, T, B, targets.per_sequence)
            inside = counting(case.weights, lengths, T, B, targets.per_sequence) > 0
            expect(
                not found.losses[counts == 0].any(),
                f"{targets.words}: losses are not 0 in the padding",
            )
            what = f"{targets.words}: losses with weights against those without"
            same(found.losses[inside], same_as.losses[inside], what)
            expect(isinstance(found.loss, float), f"{targets.words}: the loss is no float")
            ones = case._replace(weights=np.ones(shape))
            one = run_case(head, ones, lengths)
            what = f"{targets.words}: loss with all weights 1 against that without weights"
            same(np.array(one.loss), np.array(same_as.loss), what)
            _check_share(head, targets, case, lengths)


def _check_share(head: TargetHead, targets: Targets, case: Case, lengths: Array | None) -> None:
    """Of two targets the loss takes the parts that their weights say."""
    losses = run_case(head, case._replace(weights=None), lengths).losses
    # The largest: a loss of 0 tells nothing of its weight.
    one, two = (np.unravel_index(k, losses.shape) for k in np.argsort(losses, axis=None)[-2:])
    totals = []
    for first, second in ((1.0, 0.0), (0.0, 1.0), (3.0, 1.0)):
        weights = np.zeros(losses.shape)
        weights[one], weights[two] = first, second
        totals.append(run_case(head, case._replace(weights=weights), lengths).loss)
    left, right, both = totals
    scale = left / losses[one]
    expected = scale * (3 * losses[one] + losses[two])
    mean = both * 4 if abs(both * 4 - expected) < abs(both - expected) else both
    what = f"{targets.words}: the loss of two targets of weights 3 and 1"
    same(np.array(mean), np.array(expected), what)
    same(np.array(right), scale * losses[two], f"{targets.words}: the loss of one target alone")


def check_no_weight(head: Any) -> None:
    """Targets of weight 0 and the padding change nothing, whatever stands there: NaN, no id."""
    for targets in taken(head):
        case = make_case(head, targets, 3)
        clean = run_case(head, case, LENGTHS)
        counts = counting(case.weights, LENGTHS, T, B, targets.per_sequence)
        y, h = case.y.copy(), case.h.copy()
        if targets.are_ids:
            y[counts == 0] = -100
        else:
            np.moveaxis(y, -2, 0)[:, counts == 0] = np.nan
        for b, length in enumerate(LENGTHS):
            h[length:, :, b] = np.nan
            beyond = f"{targets.words}: dh of column {b} is not 0 beyond {length}"
            expect(not clean.dh[length:, :, b].any(), beyond)
        dirty = run_case(head, case._replace(y=y, h=h), LENGTHS)
        what = f"{targets.words}: with other values where nothing counts"
        same(np.array(dirty.loss), np.array(clean.loss), f"{what}: loss")
        same(dirty.dh, clean.dh, f"{what}: dh")
        for name, array in clean.dparams.items():
            same(dirty.dparams[name], array, f"{what}: d{name}")
        none = run_case(head, case._replace(weights=np.zeros_like(counts)), LENGTHS)
        finite = np.isfinite(none.loss) and not none.dh.any()
        expect(bool(finite), f"{targets.words}: where all weights are 0 the loss is {none.loss}")


def check_predictions(head: Any) -> None:
    """A prediction has the shape of its target, depends on its own column alone, and becomes right
    by descending along the gradients.
    """
    for targets in taken(head):
        case = make_case(head, targets, 4, weighted=False)
        found = _predict(head, case, LENGTHS, targets)
        what = targets.words
        expect(isinstance(found, Prediction), f"{what}: predict returned no rnnx.Prediction")
        expect(found.y.shape == case.y.shape, f"{what}: y is {found.y.shape}, not {case.y.shape}")
        full = (N_Y, B) if targets.per_sequence else (T, N_Y, B)
        shape = None if found.p is None else np.shape(found.p)
        expect(shape in (None, full), f"{what}: predict: p is {shape}, not {full} or None")
        if targets.are_ids:
            inside = found.y.dtype.kind in "iu" and bool(((found.y >= 0) & (found.y < N_Y)).all())
            expect(inside, f"{what}: predict: y are not ids of 0 … {N_Y - 1}")
        column = case._replace(h=case.h[:3, :, 1:2])
        alone = _predict(head, column, None, targets)
        here = found.y[..., 1] if targets.per_sequence else found.y[:3, ..., 1]
        same(alone.y[..., 0], here, f"{what}: predict: column 1 alone")
        _check_learning(head, targets, case)


def _check_learning(head: TargetHead, targets: Targets, case: Case) -> None:
    before = float(np.mean(run_case(head, case, LENGTHS).losses))
    for _ in range(50):
        found = run_case(head, case, LENGTHS)
        size = np.sqrt(sum(float(np.sum(d * d)) for d in found.dparams.values()))
        expect(size > 0, f"{targets.words}: the gradients are 0 for random parameters")
        for name, array in case.params.items():
            array[...] = array - 0.02 / size * found.dparams[name]
    after = float(np.mean(run_case(head, case, LENGTHS).losses))
    expect(
        after < before - 1e-3,
        f"{targets.words}: 50 small steps against the gradient change the mean of the losses from "
        f"{before:.6g} to {after:.6g}: it must fall",
    )


def check_metrics(head: Any) -> None:
    """The metrics have names, are functions of sums over batches, and are best where the targets
    themselves are predicted.
    """
    for targets in taken(head):
        case, metrics = make_case(head, targets, 5), head.metrics(targets)
        known = {one.name: one for one in metrics.metrics}
        for name in known:
            fine = is_key(name) and name == name.lower() and "/" not in name
            expect(fine, f"{targets.words}: {name!r} is no name of a metric")
        counts = counting(case.weights, LENGTHS, T, B, targets.per_sequence)
        other = _predict(head, case, LENGTHS, targets)
        right = _of_targets(targets, case.y, other)
        sums = [metrics.sums(one, case.y, counts) for one in (right, other)]
        best, found = (metrics.values(one) for one in sums)
        expect(best.keys() <= known.keys(), f"{targets.words}: values has unknown names: {best}")
        for name in best.keys() & found.keys():
            sign = 1 if known[name].higher_is_better else -1
            better = sign * best[name] >= sign * found[name] - 1e-12
            say = f"{best[name]:.6g} for the targets themselves, {found[name]:.6g} for others"
            expect(better, f"{targets.words}: {name} is {say}: its direction is wrong")
        _check_sums(targets, metrics, case, other, counts)
        expect(bool(head.loss_unit), f"{targets.words}: loss_unit is empty")


def _of_targets(targets: Targets, y: Array, seen: Prediction) -> Prediction:
    """The targets themselves as a prediction with all that the head's own has."""
    p = seen.p
    if p is not None and targets.are_ids:
        p = np.moveaxis(np.eye(N_Y)[y], -1, -2)
    elif p is not None and not targets.quantities:
        p = y
    return Prediction(y, p)


def _columns(seen: Prediction, some: slice) -> Prediction:
    return Prediction(seen.y[..., some], None if seen.p is None else seen.p[..., some])


def _check_sums(
    targets: Targets, metrics: Any, case: Case, seen: Prediction, counts: Array
) -> None:
    """Two batches of columns add up to the batch of both."""
    whole = metrics.values(metrics.sums(seen, case.y, counts))
    parts = [
        metrics.sums(_columns(seen, some), case.y[..., some], counts[..., some])
        for some in (slice(0, 2), slice(2, B))
    ]
    for name, value in metrics.values(parts[0] + parts[1]).items():
        what = f"{targets.words}: {name} of two batches against that of one"
        same(np.array(value), np.array(whole[name]), what)


CHECKS = (
    check_target_gradients,
    check_target_losses,
    check_no_weight,
    check_predictions,
    check_metrics,
    check_counts,
)
