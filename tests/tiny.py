"""A configuration small enough to train in a test."""

from pathlib import Path

TINY = [
    "tracker=none",
    "cell.hidden_size=8",
    "batch_size=4",
    "steps=12",
    "layers=1",
    "dropout=0",
    "input_dropout=0",
    "crossover=0",
    "averaging=0",
    "eval_every=4",
    "sample_every=6",
    "samples=3",
    "log_every=2",
    "baseline=never",
]


def tiny(names: Path, *more: str) -> list[str]:
    """Overrides for a tiny run on a file of names."""
    return [*TINY, "dataset=lines", f"dataset.path={names}", *more]
