"""The last measurements of a run, on its last parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rnnx.contracts import ConcludingProbe
from rnnx.errors import RnnxError
from rnnx.evaluation import first_tokens
from rnnx.ngram import cached_baseline
from rnnx.observing import conclude
from rnnx.originality import Originality
from rnnx.records import Findings, Outcome
from rnnx.settings import Baseline
from rnnx.signals import Stop
from rnnx.trained import load_file
from rnnx.training import Session


class Final(NamedTuple):
    """What a run comes to."""

    figures: Mapping[str, float]  # "train_loss", "val_loss", "new", …
    texts: list[str]
    baseline_order: int  # of the best n-gram; 0: none was fitted


def measure(
    session: Session, originality: Originality, held_out: Callable[[], float], stop: Stop
) -> Final | None:
    """Measure all that is left; None as soon as a signal has come.

    ``held_out`` gives the held-out loss, nan where nothing is held out.
    """
    figures: dict[str, float] = {}
    texts: list[str] = []
    order = 0

    def parts() -> Iterator[Mapping[str, float]]:
        nonlocal texts, order
        yield {"train_loss": session.evaluate_train()}
        loss = held_out()
        yield {} if math.isnan(loss) else {"val_loss": loss, "bits_per_char": loss / math.log(2)}
        texts = session.sample(session.settings.samples * 4)
        yield originality.shares(texts)
        order, loss = _baseline(session)
        yield {"baseline_loss": loss} if order else {}

    measuring = parts()
    while not stop.signal:
        part = next(measuring, None)
        if part is None:
            return Final(figures, texts, order)
        figures |= part
    return None


def conclusions(session: Session, checkpoint: Path) -> Iterator[tuple[str, Findings | RnnxError]]:
    """What the probes that look at a run's end find in the model of ``checkpoint``, or why not."""
    probes = session.components.probes.items()
    looking = [(name, probe) for name, probe in probes if isinstance(probe, ConcludingProbe)]
    if not looking:
        return
    outcome = Outcome(load_file(checkpoint), session.corpus, session.settings.seed)
    for name, probe in looking:
        yield name, conclude(probe, outcome)


def _baseline(session: Session) -> tuple[int, float]:
    corpus, settings = session.corpus, session.settings
    if settings.baseline is Baseline.never or corpus.val is None:
        return 0, math.nan
    # The same held-out symbols as the network's.
    corpus = replace(corpus, val=first_tokens(corpus.val, settings.eval_tokens))
    return cached_baseline(corpus, settings.baseline is Baseline.always) or (0, math.nan)
