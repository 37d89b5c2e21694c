"""The statistics over seeds as cells of a table, as JSON and as cells of CSV."""

from __future__ import annotations

from typing import Any

from rnnx.comparison.compare import Comparison
from rnnx.comparison.groups import BEST, Group
from rnnx.comparison.numbers import format_value, or_null
from rnnx.comparison.statistics import FEWEST_PAIRS, LEVEL, POWER, Difference
from rnnx.system.table import Column
from rnnx.system.text import printable

MEAN = "METRIC (mean ± spread)"
NAMES = [
    *("over seeds", "seeds", MEAN, "range", "95 % interval"),
    *("from the best", "p", "more seeds", "verdict"),
]
NUMBERS = (MEAN, "range", "95 % interval", "from the best", "p", "more seeds")
TITLES = {MEAN: "METRIC ± spread"}  # shorter ones for a terminal
# A terminal that is too narrow does without these columns, in this order.
OPTIONAL_COLUMNS = ("range", "more seeds", "from the best", "p", "95 % interval")
CSV_COLUMNS = [
    *("group", "seeds", "mean", "spread", "interval_low", "interval_high"),
    *("from_best", "p", "more_seeds", "verdict"),
]
MOST_SEEDS = 999  # a larger number of seeds is shown as more than that
NONE = "—"


def group_columns(comparison: Comparison) -> list[Column]:
    """The columns of the table of groups."""

    def named(text: str) -> str:
        return text.replace("METRIC", comparison.metric)

    return [Column(named(name), named(TITLES.get(name, "")), name in NUMBERS) for name in NAMES]


def group_rows(comparison: Comparison) -> list[list[str]]:
    """The cells of the table of groups with a value; none where no group has several seeds."""
    if all(len(group.values) < 2 for group in comparison.groups):
        return []
    shown = [group for group in comparison.groups if group.values]
    rows = [_cells(comparison.metric, group) for group in shown]
    if len(rows) == 1:
        rows[0][-1] = ""  # the best of one
    return rows


def _cells(metric: str, group: Group) -> list[str]:
    values, counted = group.values, len(group.runs)
    several, within, apart = len(values) > 1, group.interval, group.from_best
    mean, spread = format_value(metric, group.mean), format_value(metric, group.spread)
    low, high = format_value(metric, min(values)), format_value(metric, max(values))
    return [
        printable(group.name),
        f"{len(values)} of {counted}" if counted > len(values) else str(counted),
        f"{mean} ± {spread}" if several else f"{mean} (one seed)",
        f"{low} … {high}" if several else NONE,
        " … ".join(format_value(metric, end) for end in within[:2]) if within else NONE,
        _signed(format_value(metric, apart.mean)) if apart else "",
        _p(apart) if apart else "",
        _more(apart) if apart else "",
        group.verdict,
    ]


def _signed(text: str) -> str:
    return text if text.startswith(("-", NONE)) else f"+{text}"


def _p(apart: Difference) -> str:
    if not apart.is_tested:
        return NONE
    p = f"{apart.p:.4f}" if apart.p >= 1e-4 else "< 0.0001"
    return p if apart.is_paired else f"{p} (unpaired)"


def _more(apart: Difference) -> str:
    if apart.more is None:
        return NONE
    return str(apart.more) if apart.more <= MOST_SEEDS else f"> {MOST_SEEDS}"


def seeds_caption(comparison: Comparison) -> str:
    """What the table of groups means and cannot tell; empty where there is nothing to compare."""
    with_value = [group for group in comparison.groups if group.values]
    if len(with_value) < 2:
        return ""
    if all(len(group.values) < 2 for group in with_value):
        return (
            "one seed a configuration: no interval, no test, and the order may be chance; "
            "sweep seed=0,1,2,3,4,5 to know"
        )
    text = (
        f"verdict: worse where p ≤ {LEVEL} (sign-flip test of the differences to the best, seed by "
        f"seed); more seeds: about so many would tell the two apart (power {100 * POWER:.0f} %, "
        f"level {100 * LEVEL:.0f} %)"
    )
    if not any(group.verdict == BEST and len(group.values) > 1 for group in with_value):
        return f"{text}; the best has one seed, so nothing can be tested"
    apart = [group.from_best for group in with_value if group.from_best]
    pairs = [one.seeds for one in apart if one.is_tested and one.is_paired]
    if pairs and max(pairs) < FEWEST_PAIRS:
        text += (
            f"; with {max(pairs)} shared seeds p is at least {2.0 ** (1 - max(pairs)):.4g}, "
            f"so at least {FEWEST_PAIRS} are needed"
        )
    return text


def csv_cells(group: Group | None) -> list[object]:
    """The cells of a group; empty where there is none."""
    if group is None:
        return [""] * len(CSV_COLUMNS)
    numbers = group_json(group)
    within, apart = numbers["interval"] or {}, numbers["from_best"] or {}
    cells = [
        *(numbers[key] for key in ("group", "seeds", "mean", "spread")),
        *(within.get(key) for key in ("low", "high")),
        *(apart.get(key) for key in ("mean", "p", "more_seeds")),
        numbers["verdict"],
    ]
    return ["" if cell is None else cell for cell in cells]


def group_json(group: Group) -> dict[str, Any]:
    """A group as JSON; what is not finite or not known is null."""
    within, apart = group.interval, group.from_best
    return {
        "group": group.hash,
        "name": group.name,
        "seeds": len(group.values),
        "values": dict(group.by_seed),
        "mean": or_null(group.mean),
        "spread": or_null(group.spread),
        "interval": within and {"low": within.low, "high": within.high, "method": within.method},
        "verdict": group.verdict or None,
        "from_best": apart
        and {
            "mean": or_null(apart.mean),
            "p": or_null(apart.p),
            "seeds": apart.seeds,
            "paired": apart.is_paired,
            "more_seeds": apart.more,
        },
    }
