"""A run from its first step to its last: steps, rounds, checkpoints, and how it ended."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnx import checkpoint as checkpoints
from rnnx.errors import RnnxError
from rnnx.final import measure
from rnnx.identity import run_name, run_params, run_tags
from rnnx.originality import Originality
from rnnx.report import Report, Summary
from rnnx.runfolder import RunFolder
from rnnx.signals import Stop
from rnnx.tracking import Tracking
from rnnx.training import Session

if TYPE_CHECKING:
    from rnnx.trained import Model


@dataclass
class Run:
    """A finished run."""

    run_id: str
    folder: RunFolder
    status: str  # FINISHED, or KILLED after a signal
    metrics: dict[str, float] = field(default_factory=dict)  # the last value of each
    exit_code: int = 0

    @property
    def model(self) -> Model:
        """The trained model: the best by held-out loss, else the last."""
        from rnnx.trained import load_file

        return load_file(self.folder.best_or_last())


def train(config: Mapping[str, Any], report: Report, overrides: Sequence[str] = ()) -> Run:
    """Train ``config`` to its end and keep everything in its tracker and its folder."""
    session = Session(config)
    for note in session.corpus.notes:
        report.note(note)
    name, params, tags = run_name(list(overrides)), run_params(session), run_tags(session)
    RunFolder.refuse_unwritable(session.settings.outputs)
    with Stop() as stop:  # from here on there is a run that has to be ended
        log = session.components.tracker.start(name, params, tags)
        try:
            folder = RunFolder.create(session.settings.outputs, log.id, name, config)
        except BaseException:
            log.finish("FAILED")
            raise
        tracking = Tracking(log, folder, report.warning)
        tracking.tags({"rnnx.folder": str(folder.path.resolve())})
        tracking.file(folder.config)
        return Rounds(session, tracking, folder, report).run(stop)


class Rounds:
    """The loop around ``session.step()``: what happens after which step."""

    def __init__(
        self, session: Session, tracking: Tracking, folder: RunFolder, report: Report
    ) -> None:
        self.session, self.tracking, self.folder, self.report = session, tracking, folder, report
        self.settings = session.settings
        self.originality = Originality(session.corpus)
        self.best_val_loss, self.best_step = math.inf, 0
        self.worse = 0  # evaluations since the best one
        self.since = self.clipped = self.tokens = 0  # steps, … since the last figures
        self.clock = time.perf_counter()
        self.trained_tokens, self.seconds = 0, 0.0

    def run(self, stop: Stop) -> Run:
        """All steps, the end, and the run's status whatever happens."""
        try:
            self.report.start(self.session, self.folder)
            self._steps(stop)
            summary = self._end(stop)
            if summary is None:
                return self._killed(stop.signal)
            self.tracking.finish("FINISHED")
        except BaseException as error:
            self.report.stop()
            self._failed(error)
            raise
        self.report.finish(summary)
        return Run(self.folder.id, self.folder, "FINISHED", self.tracking.last)

    def _failed(self, error: BaseException) -> None:
        """End the run; what it learned is sent, too, unless somebody is in a hurry."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.tracking.finish("KILLED", repr(error))
            return
        reason = str(error) if isinstance(error, RnnxError) else repr(error)
        with suppress(Exception):  # the error that counts is the one that brought us here
            self.tracking.artifacts()
        self.tracking.finish("FAILED", reason)

    def _steps(self, stop: Stop) -> None:
        session, settings = self.session, self.settings
        self.clock = time.perf_counter()
        while session.steps < settings.steps and not stop.signal:
            session.step()
            step = session.steps
            self._count()
            sampling = step == 1 or _due(step - settings.sample_offset, settings.sample_every)
            if sampling or step % settings.log_every == 0 or step == settings.steps:
                self._figures()
            self._probe()
            if sampling:
                self._sample()
            if _due(step, settings.eval_every):
                self._evaluate()
            if _due(step, settings.checkpoint.every):
                self._checkpoint()
            if settings.patience and self.worse >= settings.patience:
                self.report.note(
                    f"stopped after step {step}: {self.worse} evaluations without a better "
                    f"held-out loss than that of step {self.best_step}"
                )
                break

    def _count(self) -> None:
        figures = self.session.figures
        assert figures is not None
        self.since += 1
        self.clipped += figures.clipped
        self.tokens += figures.tokens

    def _figures(self) -> None:
        """Points of the last step, and of all steps since the last points."""
        session, figures, point = self.session, self.session.figures, self._point
        assert figures is not None
        now = time.perf_counter()
        seconds = max(now - self.clock, 1e-9)
        speed = self.tokens / seconds
        self.trained_tokens += self.tokens
        self.seconds += seconds
        point("train/loss", figures.loss)
        point("train/smooth_loss", session.smooth_loss)
        point("grad/norm", figures.norm)
        point("grad/clipped", self.clipped / max(self.since, 1))
        point("lr", figures.rate)
        point("speed/tokens_per_s", speed)
        self.report.progress(session, speed)
        self.tracking.flush_if_due()
        self.since = self.clipped = self.tokens = 0
        self.clock = time.perf_counter()

    def _point(self, key: str, value: float) -> None:
        self.tracking.point(key, value, self.session.steps)

    @contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        """A round's time is not training time."""
        began = time.perf_counter()
        yield
        self.clock += time.perf_counter() - began

    def _probe(self) -> None:
        for name, found in self.session.observations():
            for key, value in found.figures.items():
                self._point(key, value)
            for picture, png in found.pictures.items():
                self.tracking.picture(f"{name}_{picture}", png, self.session.steps)

    def _sample(self) -> None:
        with self._clock_stopped():
            texts = self.session.sample(self.settings.samples)
            for key, share in self.originality.shares(texts).items():
                self._point(f"samples/{key}", share)
            shown = [self.session.corpus.show(text) for text in texts]
            self.tracking.samples(self.session.steps, shown)
            self.report.samples(self.session, shown)

    def _evaluate(self) -> float:
        with self._clock_stopped():
            loss = self.session.evaluate()
            if math.isnan(loss):
                return loss
            self._point("val/loss", loss)
            self._point("val/bits_per_char", loss / math.log(2))
            self.report.evaluated(self.session, loss)
            if loss < self.best_val_loss:
                self.best_val_loss, self.best_step, self.worse = loss, self.session.steps, 0
                checkpoints.write(self._state(), self.folder.best)
            else:
                self.worse += 1
        return loss

    def _checkpoint(self) -> None:
        with self._clock_stopped():
            self.tracking.flush()
            checkpoints.write(self._state(), self.folder.recent(self.session.steps))
            self.folder.keep(self.settings.checkpoint.keep)

    def _state(self) -> checkpoints.Checkpoint:
        tags = run_tags(self.session)
        best = self.best_val_loss if math.isfinite(self.best_val_loss) else None
        own = {"run_id": self.folder.id, "best_val_loss": best, "best_step": self.best_step}
        return checkpoints.take(self.session, own | {"worse": self.worse, "tags": tags})

    def _killed(self, number: int) -> Run:
        self._checkpoint()
        self.report.stop()
        name = signal.Signals(number).name
        self.tracking.artifacts()
        self.tracking.finish("KILLED", f"{name} after step {self.session.steps}")
        self.report.killed(name, self.session, self.folder)
        return Run(self.folder.id, self.folder, "KILLED", self.tracking.last, 128 + number)

    def _end(self, stop: Stop) -> Summary | None:
        """The last measurements; None where a signal has come."""
        found = measure(self.session, self.originality, self._held_out, stop)
        if found is None:
            return None
        if math.isfinite(self.best_val_loss):
            self._point("best/val_loss", self.best_val_loss)
            self._point("best/step", self.best_step)
        figures = dict(found.figures)
        if self.seconds:
            speed = self.trained_tokens / self.seconds
            figures |= {"seconds": self.seconds, "tokens_per_s": speed}
        for key, value in figures.items():
            self._point(f"final/{key}", value)
        shown = [self.session.corpus.show(text) for text in found.texts]
        self.tracking.samples(self.session.steps, shown, "final")
        self._checkpoint()
        self.tracking.artifacts()
        return Summary(
            figures, self.best_val_loss, self.best_step, found.baseline_order, found.texts
        )

    def _held_out(self) -> float:
        """The held-out loss after the last step, measured now if that step did not."""
        if _due(self.session.steps, self.settings.eval_every):
            return self.tracking.last.get("val/loss", math.nan)
        return self._evaluate()


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
