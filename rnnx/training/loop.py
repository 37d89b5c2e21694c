"""The training loop: which step is followed by metrics, samples, evaluation, a checkpoint."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from rnnx.contracts.probes import Findings
from rnnx.data.novelty import Novelty
from rnnx.errors import RnnxError, StorageError
from rnnx.models.evaluation import Measured
from rnnx.registry.attribution import attributing
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder
from rnnx.runs.retention import keep_recent, set_best_aside
from rnnx.runs.steering import EVALUATE, SAMPLE, STOP
from rnnx.runs.tracking import Tracking
from rnnx.system.signals import Stop
from rnnx.system.threads import give_way
from rnnx.training import snapshot
from rnnx.training.describing import Best, description
from rnnx.training.end import conclusions, fail, held_out_metrics, measure
from rnnx.training.head_start import FirstStep
from rnnx.training.judging import judge, levels
from rnnx.training.monitor import monitored
from rnnx.training.predicting import held_out_predictions
from rnnx.training.progress import Progress
from rnnx.training.report import Report, Summary, loss_told
from rnnx.training.session import Session
from rnnx.training.tags import run_tags

# By step and what is monitored (as a cost: lower is better), whether to stop there.
PruningRule = Callable[[int, float], bool]
STOP_TIMEOUT = 5.0  # seconds that a stopped run waits for its tracker


class TrainingLoop:
    """One run, from the step at which its session stands to its last."""

    def __init__(
        self,
        session: Session,
        tracking: Tracking,
        folder: RunFolder,
        report: Report,
        progress: Progress | None = None,
        should_prune: PruningRule | None = None,
        first: FirstStep | None = None,
    ) -> None:
        """``first`` is the session's first step where it was made already."""
        self.session, self.tracking, self.folder, self.report = session, tracking, folder, report
        self.settings, self.progress = session.settings, progress or Progress()
        self.novelty = Novelty(session.corpus) if session.corpus.is_language else None
        self.own_tags = run_tags(session)
        self.should_prune, self.pruned = should_prune, False
        self.stopped = False  # by a person, in the tracker
        self._first = first
        self._ended: float | None = None  # when the step was made, if not just now
        self.clock = time.perf_counter()
        self.speed = 0.0  # tokens a second, between the last two logs

    def run(self, stop: Stop) -> int:
        """Train to the end and set the run's status, whatever happens; returns the exit code."""
        try:
            self.report.start(self.session, self.folder)
            with self.session.computing(), attributing():
                self._steps(stop)
            if self.progress.steps_since_log:  # not shown yet
                self.report.progress(self.session, self.speed)
            # Before the final samples: they advance a generator, and a run that is resumed to more
            # steps must not see that.
            self._checkpoint()
            if self.stopped:
                return self._killed(STOP, signal.SIGINT)
            summary = None if stop.signal else self._end(stop)
            if summary is None:
                return self._killed(stop.reason, stop.signal)
            self.folder.write({"steps": self.session.steps, "pruned": self.pruned})
            self.tracking.finish("FINISHED")
        except BrokenPipeError as error:  # nobody reads the output any more
            fail(self.tracking, self.folder, error)
            raise
        except OSError as error:
            self.report.stop()
            folder, step = self.folder, self.session.steps
            storage = StorageError.of(error, folder.path, folder.handle, step)
            fail(self.tracking, self.folder, storage)
            raise storage from error
        except BaseException as error:
            self.report.stop()
            fail(self.tracking, self.folder, error)
            raise
        self.report.finish(summary)
        return 0

    def describe(self) -> None:
        """Tell what is trained on what, and the best result so far."""
        progress = self.progress
        self._describe(Best(progress.best_val_loss, progress.best_step, progress.best_cost))

    def _describe(self, best: Best) -> None:
        self.tracking.describe(description(self.session, self.folder, best))

    def _killed(self, why: str, number: int) -> int:
        self.report.stop()
        self.describe()
        self.tracking.artifacts()
        self.tracking.finish("KILLED", f"{why} after step {self.session.steps}", STOP_TIMEOUT)
        self.report.killed(why, self.session, self.folder)
        return 128 + number

    def _steps(self, stop: Stop) -> None:
        session, settings = self.session, self.settings
        self.clock = time.perf_counter()
        steering = self.tracking.steering
        while self._first or (
            session.steps < settings.steps and not (stop.signal or self.stopped or self._over())
        ):
            give_way()
            self._step()
            step = session.steps
            self._count()
            sampling = step == 1 or _due(step - settings.sample_offset, settings.sample_every)
            if sampling or _due(step, settings.log_every):
                self._log_metrics()
            self._probe()
            if sampling:
                self._sample()
            evaluating = _due(step, settings.eval_every)
            if evaluating:
                self._evaluate()
            if steering is not None and steering.asked:
                self._obey(steering.take(), sampling, evaluating)
            if _due(step, settings.checkpoint.every):
                self._checkpoint()
        if reason := self._over():
            self.report.note(f"stopped after step {session.steps}: {reason}")

    def _step(self) -> None:
        """Make a step, or take the first one where it was made already."""
        self._ended = None
        if self._first is None:
            if self.session.steps == 1:  # the second step's compiled kernels take time to load
                with self._clock_stopped():
                    self.session.prepare()
            self.session.update()
            return
        made, self._first = self._first, None
        self.clock, self._ended = time.perf_counter() - made.seconds, made.ended
        if made.error is not None:
            raise made.error

    def _obey(self, asked: frozenset[str], sampled: bool, evaluated: bool) -> None:
        """Do what a person asked for, unless this step has done it: later steps do not see it."""
        self.report.note(f"asked in the tracker: {', '.join(sorted(asked))}")
        if SAMPLE in asked and not sampled:
            with _draws_kept(self.session.rngs["sampling"]):
                self._sample()
        if EVALUATE in asked and not evaluated:
            with self._clock_stopped():
                self._measure()
        self.stopped = STOP in asked
        self.tracking.obeyed(asked)

    def _over(self) -> str:
        """Why training ends before its last step; empty while it goes on."""
        progress = self.progress
        if self.pruned:
            return "others were better by then"
        if progress.is_over(self.session.steps, self.settings.patience):
            return (
                f"{progress.without_improvement} evaluations without a better {self._goal} than "
                f"that of step {progress.best_step}"
            )
        return ""

    @property
    def _goal(self) -> str:
        """What is monitored, in words."""
        monitor = self.session.monitor
        return "held-out loss" if monitor.is_loss else monitor.metric

    def _count(self) -> None:
        metrics, progress = self.session.metrics, self.progress
        assert metrics is not None
        progress.steps_since_log += 1
        progress.clipped += metrics.clipped
        progress.tokens += metrics.tokens

    def _log_metrics(self) -> None:
        """Log the last step's metrics, and means over the steps since the last log."""
        session, metrics, point = self.session, self.session.metrics, self._point
        assert metrics is not None
        progress, now = self.progress, time.perf_counter()
        seconds = max(now - self.clock, 1e-9)
        self.speed = progress.tokens / seconds
        progress.trained_tokens += progress.tokens
        progress.seconds += seconds
        point("train/loss", metrics.loss)
        point("train/smooth_loss", session.smooth_loss)
        point("grad/norm", metrics.norm)
        point("grad/clipped", progress.clipped / max(progress.steps_since_log, 1))
        point("lr", metrics.rate)
        point("speed/tokens_per_s", self.speed)
        self.report.progress(session, self.speed)
        self.tracking.flush_if_due()
        progress.steps_since_log = progress.clipped = progress.tokens = 0
        self.clock = time.perf_counter()

    def _point(self, key: str, value: float) -> None:
        self.tracking.point(key, value, self.session.steps, self._ended)

    @contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        """Exclude what is no training from the time that tokens/s counts."""
        began = time.perf_counter()
        yield
        self.clock += time.perf_counter() - began

    def _probe(self) -> None:
        if self.session.observation is None:
            return
        with self._clock_stopped():
            for name, found in self.session.observations():
                self._keep(name, found)

    def _keep(self, probe: str, found: Findings | RnnxError, is_conclusion: bool = False) -> None:
        if isinstance(found, RnnxError):
            self.report.warning(f"{found}; the run goes on without it")
        else:
            self.tracking.findings(probe, found, self.session.steps, is_conclusion)

    def _sample(self) -> None:
        if self.novelty is None:  # the data is no language
            self._predict(self.settings.samples)
            return
        with self._clock_stopped():
            texts = self.session.sample(self.settings.samples)
            for key, fraction in self.novelty.fractions(texts).items():
                self._point(f"samples/{key}", fraction)
            shown = [self.session.corpus.show(text) for text in texts]
            self.tracking.samples(self.session.steps, shown)
            self.report.samples(self.session, shown)

    def _predict(self, count: int, is_final: bool = False) -> None:
        """Show held-out examples with what is predicted of them."""
        with self._clock_stopped():
            if shown := held_out_predictions(self.session, count):
                self.tracking.predictions(self.session.steps, shown, is_final)
                if not is_final:
                    self.report.predictions(self.session, shown)

    def _evaluate(self) -> None:
        """Measure the held-out loss, where something is held out."""
        with self._clock_stopped():
            found, step = self._measure(), self.session.steps
            if found is None:
                return
            monitor, metrics = self.session.monitor, held_out_metrics(self.session, found)
            cost = monitored(monitor, metrics)
            self.session.monitored(monitor.value(cost), monitor.higher_is_better)
            if solved := judge(self.session, self.progress, metrics):
                self._point("criterion/solved_at", self.progress.solved_at)
                self.report.note(solved)
            if self.progress.evaluated(found.loss, step, cost):
                # A run that is resumed from this file computes no earlier point again.
                self.tracking.flush(to_disk=True)
                checkpoints.write(self._state(), self.folder.best)
            ends = self.should_prune is not None and self.should_prune(step, cost)
            self.pruned = ends and step < self.settings.steps

    def _measure(self) -> Measured | None:
        """The held-out loss and metrics, logged and shown; None where nothing is held out."""
        found = self.session.measure()
        if found is not None:
            for key, value in held_out_metrics(self.session, found).items():
                self._point(f"val/{key}", value)
            for level in levels(self.session):
                self._point(level.key, level.value)
            self.report.evaluated(self.session, found.loss)
        return found

    def _checkpoint(self) -> None:
        with self._clock_stopped():
            self.tracking.flush(to_disk=True)
            checkpoints.write(self._state(), self.folder.recent(self.session.steps))
            keep_recent(self.folder, self.session.steps, self.settings.checkpoint.keep)

    def _state(self) -> checkpoints.Checkpoint:
        own = {"run_id": self.folder.id, "tags": self.own_tags}
        return snapshot.take(self.session, self.progress, own)

    def _end(self, stop: Stop) -> Summary | None:
        """The last measurements; None where a signal has come."""
        found = measure(self.session, self.progress, self.novelty, stop)
        if found is None:
            return None
        progress, metrics = self.progress, dict(found.metrics)
        best_loss, best_step = progress.best_val_loss, progress.best_step
        monitor, best_cost = self.session.monitor, progress.best_cost
        cost = monitor.cost(metrics.get(monitor.final, math.nan))
        if cost < best_cost:  # the last step had no round of its own
            best_loss, best_step, best_cost = metrics["val_loss"], self.session.steps, cost
            set_best_aside(self.folder)
            checkpoints.write(self._state(), self.folder.best)
        if math.isfinite(best_loss):
            self._point("best/val_loss", best_loss)
            self._point("best/step", best_step)
            if not monitor.is_loss:
                self._point(monitor.best, monitor.value(best_cost))
        if progress.seconds:
            speed = progress.trained_tokens / progress.seconds
            metrics |= {"seconds": progress.seconds, "tokens_per_s": speed}
        if progress.solved_at:
            metrics["solved_at"] = progress.solved_at
        for key, value in metrics.items():
            self._point(f"final/{key}", value)
        for key, profile in found.profiles.items():
            self.tracking.profile(key, profile)
        shown = [self.session.corpus.show(text) for text in found.texts]
        if self.novelty is not None:
            self.tracking.samples(self.session.steps, shown, is_final=True)
        else:
            self._predict(self.settings.samples * 4, is_final=True)
        for name, conclusion in conclusions(self.session, self.folder.best_or_last()):
            self._keep(name, conclusion, is_conclusion=True)
        self._describe(Best(best_loss, best_step, best_cost))
        self.tracking.artifacts()
        told = loss_told(self.session)
        goal = None if monitor.is_loss else (monitor.metric, monitor.value(best_cost))
        best = best_loss, best_step, found.baseline_order
        return Summary(metrics, *best, found.texts, *told, goal, levels(self.session))


@contextmanager
def _draws_kept(generator: np.random.Generator) -> Iterator[None]:
    """What is drawn inside does not change what is drawn afterwards."""
    before = generator.bit_generator.state
    yield
    generator.bit_generator.state = before


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
