"""The end of a run: last metrics on its last parameters, or what a failed run keeps."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rnnx.config.settings import Baseline
from rnnx.contracts.probes import ConcludingProbe, Findings, Outcome
from rnnx.data.ngram import cached_baseline
from rnnx.data.novelty import Novelty
from rnnx.errors import RnnxError
from rnnx.models.evaluation import Measured, first_tokens
from rnnx.models.profiles import Profile
from rnnx.models.trained import load_file
from rnnx.runs.folder import RunFolder
from rnnx.runs.tracking import STOPPED_TIMEOUT, Tracking, ended_by
from rnnx.system.secrets import masked
from rnnx.system.signals import Stop
from rnnx.system.text import reason, storable
from rnnx.training.probing import conclude
from rnnx.training.progress import Progress
from rnnx.training.session import Session


def fail(tracking: Tracking, folder: RunFolder, error: BaseException) -> None:
    """End the run as FAILED or KILLED; a failed one sends its traceback and artifacts first."""
    if ended_by(error) == "KILLED":
        with suppress(OSError):
            tracking.finish("KILLED", reason(error), total_timeout=STOPPED_TIMEOUT)
        return
    with suppress(Exception):  # the error that counts is the one that brought us here
        lines = "".join(traceback.format_exception(error))
        folder.traceback.write_text(storable(masked(lines)), "utf-8")
        tracking.file(folder.traceback)
    with suppress(Exception):
        tracking.artifacts()
    with suppress(OSError):
        tracking.finish("FAILED", reason(error))


class Final(NamedTuple):
    """The last metrics and samples of a run."""

    metrics: Mapping[str, float]  # "train_loss", "val_loss", "new", …
    texts: list[str]
    baseline_order: int  # of the best n-gram; 0: none was fitted
    profiles: Mapping[str, Profile]  # of held-out metrics, by length and by age


def held_out_metrics(session: Session, found: Measured) -> dict[str, float]:
    """The metrics of the held-out part by name: ``loss``, ``bits_per_char``, ``accuracy``."""
    bits = {"bits_per_char": found.loss / math.log(2)} if session.corpus.is_language else {}
    return {"loss": found.loss, **bits, **found.metrics}


def measure(
    session: Session, progress: Progress, novelty: Novelty | None, stop: Stop
) -> Final | None:
    """The last metrics; None as soon as a signal has come."""
    metrics: dict[str, float] = {}
    texts: list[str] = []
    order = 0

    def parts() -> Iterator[Mapping[str, float]]:
        nonlocal texts, order
        trained = session.evaluate_train()
        yield {} if math.isnan(trained) else {"train_loss": trained}
        yield _held_out(session, progress)
        if novelty is None:
            return
        texts = session.sample(session.settings.samples * 4)
        yield novelty.fractions(texts)
        order, loss = _baseline(session)
        yield {"baseline_loss": loss} if order else {}

    measuring = parts()
    while not stop.signal:
        part = next(measuring, None)
        if part is None:
            return Final(metrics, texts, order, session.held_out.profiles)
        metrics |= part
    return None


def _held_out(session: Session, progress: Progress) -> dict[str, float]:
    """The last metrics of the held-out part: ``val_loss``, ``val_accuracy``; bits as they are."""
    is_known = progress.val_step == session.steps and session.corpus.is_language
    found = Measured(progress.val_loss, {}) if is_known else session.measure(with_profiles=True)
    if found is None:
        return {}
    named = held_out_metrics(session, found).items()
    return {key if key == "bits_per_char" else f"val_{key}": value for key, value in named}


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
