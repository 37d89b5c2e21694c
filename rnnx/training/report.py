"""What a run prints: a progress bar on a terminal, plain lines in a pipe, or nothing."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rnnx.config.components import as_overrides
from rnnx.config.settings import Train
from rnnx.data.yardsticks import Level, beside
from rnnx.runs.predictions_file import Shown
from rnnx.system.table import Column, print_table
from rnnx.system.text import printable

if TYPE_CHECKING:
    from rnnx.runs.folder import RunFolder
    from rnnx.training.session import Session


# Columns of a terminal from which on there is room beside the steps and the loss
MIN_BAR_WIDTH = 70  # for a bar
MIN_SPEED_WIDTH = 50  # for the speed


class Summary(NamedTuple):
    """The last metrics and samples of a run, for the closing table."""

    metrics: Mapping[str, float]  # "train_loss", "val_loss", "new", …
    best_val_loss: float
    best_step: int
    baseline_order: int  # of the best n-gram; 0: none was fitted
    texts: Sequence[str]
    loss_unit: str = "nats a character"
    words: Mapping[str, str] = {}  # "accuracy" → "accuracy a step"; the head's metrics
    monitored: tuple[str, float] | None = None  # what decided, and its best value: not the loss
    levels: Sequence[Level] = ()  # of held-out metrics, where the data says so


class Report(Protocol):
    """Prints the events of a run."""

    def start(self, session: Session, folder: RunFolder) -> None: ...
    def progress(self, session: Session, tokens_per_s: float) -> None: ...
    def samples(self, session: Session, texts: Sequence[str]) -> None: ...
    def predictions(self, session: Session, shown: Sequence[Shown]) -> None: ...
    def evaluated(self, session: Session, loss: float) -> None: ...
    def note(self, line: str) -> None: ...
    def warning(self, line: str) -> None: ...
    def stop(self) -> None: ...
    def killed(self, why: str, session: Session, folder: RunFolder) -> None: ...
    def finish(self, summary: Summary) -> None: ...


class Silent:
    """Prints warnings alone, on stderr: for the Python API."""

    def start(self, session: Session, folder: RunFolder) -> None: ...
    def progress(self, session: Session, tokens_per_s: float) -> None: ...
    def samples(self, session: Session, texts: Sequence[str]) -> None: ...
    def predictions(self, session: Session, shown: Sequence[Shown]) -> None: ...
    def evaluated(self, session: Session, loss: float) -> None: ...
    def note(self, line: str) -> None: ...

    def warning(self, line: str) -> None:
        print(f"rnnx: {printable(line)}", file=sys.stderr)

    def stop(self) -> None: ...
    def killed(self, why: str, session: Session, folder: RunFolder) -> None: ...
    def finish(self, summary: Summary) -> None: ...


def in_notebook() -> bool:
    """Whether Python runs in a notebook or another session of IPython."""
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


def for_terminal() -> Report:
    """The report that fits stdout: live on a terminal, lines elsewhere."""
    # A terminal's lines break between words; a pipe's lines stay whole.
    out = console(soft_wrap=not sys.stdout.isatty())
    return Live(out) if out.is_terminal else Lines(out)


def console(soft_wrap: bool) -> Any:
    """Rich's console on stdout; a pipe's lines end where they end, however long they are."""
    from rich.console import Console

    # A value may look like Rich's markup, [red], or like its name of an emoji, :bomb:.
    # A notebook gets text, as a pipe does, and no piece of HTML a line.
    plain: Any = {"highlight": False, "markup": False, "emoji": False, "force_jupyter": False}
    made = Console(soft_wrap=soft_wrap, **plain)
    made.soft_wrap = soft_wrap or not made.is_terminal
    return made


class Lines:
    """One line an event."""

    def __init__(self, console: Any) -> None:
        self.console = console
        self._closing = ""
        self._last_shown = 0

    def start(self, session: Session, folder: RunFolder) -> None:
        self._closing = closing(session, folder)
        self._say(_opening(session, folder))

    def progress(self, session: Session, tokens_per_s: float) -> None:
        # About twenty lines a run, however long it is.
        every = max(1, session.settings.steps // 20)
        if session.steps - self._last_shown >= every or session.steps in (
            1,
            session.settings.steps,
        ):
            self._last_shown = session.steps
            self._say(_progress(session, tokens_per_s))

    def samples(self, session: Session, texts: Sequence[str]) -> None:
        show = session.corpus.show_round
        drawn = show(session.steps, session.smooth_loss, texts) if show else None
        text = _sampled(session.steps, texts) if drawn is None else drawn
        # A pipe gets the letters of the model's alphabet.
        self.console.print(printable(text, "\n\t") if self.console.is_terminal else text)

    def predictions(self, session: Session, shown: Sequence[Shown]) -> None:
        self._say(f"step {session.steps}: held-out input, target, prediction")
        columns = [Column("input"), Column("target"), Column("prediction")]
        print_table(self.console, columns, [one[1:] for one in shown])

    def evaluated(self, session: Session, loss: float) -> None:
        unit = "nats" if session.corpus.is_language else session.loss_unit
        words = loss_told(session)[1]
        told = [
            f"{words.get(name, name)} {value:.4g}"
            for name, value in session.held_out.metrics.items()
        ]
        self._say(f"step {session.steps}: held-out loss {loss:.4f} {', '.join([unit, *told])}")

    def note(self, line: str) -> None:
        self._say(line)

    def warning(self, line: str) -> None:
        print(f"rnnx: {printable(line)}", file=sys.stderr)

    def stop(self) -> None: ...

    def killed(self, why: str, session: Session, folder: RunFolder) -> None:
        self._say(
            f"{why}: stopped after step {session.steps}; the checkpoint is "
            f"{folder.recent(session.steps)}"
        )

    def finish(self, summary: Summary) -> None:
        for label, value in rows(summary):
            self._say(f"{label}: {value}")
        self._say(self._closing)

    def _say(self, text: str) -> None:
        self.console.print(printable(text, "\n\t"))


class Live(Lines):
    """A progress bar below the lines, and a table at the end."""

    def start(self, session: Session, folder: RunFolder) -> None:
        from rich import progress

        super().start(session, folder)
        bar = [progress.BarColumn(bar_width=None)] if self.console.width >= MIN_BAR_WIDTH else []
        self._bar = progress.Progress(
            progress.TextColumn("{task.completed}/{task.total}"),
            *bar,
            progress.TextColumn("{task.fields[metrics]}"),
            progress.TimeRemainingColumn(compact=True),
            console=self.console,
        )
        total = session.settings.steps
        self._task = self._bar.add_task("", total=total, completed=session.steps, metrics="")
        self._bar.start()

    def progress(self, session: Session, tokens_per_s: float) -> None:
        shown = f"smoothed loss {session.smooth_loss:.3f}"
        if self.console.width >= MIN_BAR_WIDTH:
            shown += f" · {tokens_per_s:,.0f} {_counted(session)}/s"
        elif self.console.width >= MIN_SPEED_WIDTH:
            shown += f" · {tokens_per_s / 1000:,.0f}k/s"
        self._bar.update(self._task, completed=session.steps, metrics=shown)

    def stop(self) -> None:
        if hasattr(self, "_bar"):
            self._bar.stop()

    def finish(self, summary: Summary) -> None:
        from rich.table import Table

        self.stop()
        table = Table(show_header=False)
        for label, value in rows(summary):
            table.add_row(label, value)
        self.console.print(table)
        self._say(self._closing)


def _opening(session: Session, folder: RunFolder) -> str:
    corpus, parts = session.corpus, session.config
    held_out = corpus.val.tokens if corpus.val else 0
    from rnnx.training.sizing import solved_size  # and all of the network: a list needs none

    size = solved_size(parts)
    units = "" if size is None else f" · hidden_size={size}"
    network = f"{parts['cell']['name']}{units} · {session.params.size:,} parameters"
    if corpus.is_language:
        kinds = f"symbols of {len(corpus.vocabulary)} kinds"
        data = f"{corpus.train.tokens:,} training and {held_out:,} held-out {kinds}"
    else:
        trained = f"{corpus.train.tokens:,}" if corpus.train.tokens else "endless"
        data = f"{trained} training and {held_out:,} held-out targets: {corpus.targets.words}"
    return f"run {folder.id[:8]} · {network} · {data}"


def loss_told(session: Session) -> tuple[str, dict[str, str]]:
    """The unit of the loss, and the words and units of the head's metrics by name."""
    metrics = session.network.metrics.metrics
    return session.loss_unit, {
        one.name: f"{one.words} ({one.unit})" if one.unit else one.words for one in metrics
    }


def _progress(session: Session, tokens_per_s: float) -> str:
    return (
        f"step {session.steps}/{session.settings.steps}: smoothed loss {session.smooth_loss:.4f}, "
        f"{tokens_per_s:,.0f} {_counted(session)}/s"
    )


def _counted(session: Session) -> str:
    """What the speed counts."""
    return "tokens" if session.corpus.is_language else "targets"


def _sampled(step: int, texts: Sequence[str]) -> str:
    if any("\n" in text for text in texts):
        return f"step {step}:\n" + "\n---\n".join(texts)
    return f"step {step}: " + " · ".join(text or "∅" for text in texts)


def rows(summary: Summary) -> list[tuple[str, str]]:
    """The closing table: label and value."""
    metrics, unit = summary.metrics, summary.loss_unit
    lines = []
    if "train_loss" in metrics:  # examples without end have none
        lines.append(("training loss", f"{metrics['train_loss']:.4f} {unit}"))
    if "val_loss" in metrics:
        best = f"{summary.best_val_loss:.4f} {unit}"
        lines += [
            ("held-out loss", f"{metrics['val_loss']:.4f} {unit}{beside(summary.levels, 'loss')}"),
            ("best held-out loss", f"{best} (step {summary.best_step})"),
        ]
        if summary.monitored is not None:
            metric, value = summary.monitored
            lines[-1:] = [
                (f"best {metric}", f"{value:.4g} (step {summary.best_step})"),
                ("held-out loss at that step", best),
            ]
    if "bits_per_char" in metrics:
        bits = f"{summary.best_val_loss / math.log(2):.4f} (best)"
        lines.append((unit.replace("nats", "bits", 1), bits))
    for name, words in summary.words.items():
        if (key := f"val_{name}") in metrics:
            told = f"{metrics[key]:.4g}{beside(summary.levels, name)}"
            lines.append((f"held-out {words}", told))
    if "solved_at" in metrics:
        lines.append(("solved at step", f"{metrics['solved_at']:,.0f}"))
    if summary.baseline_order:
        margin = metrics["baseline_loss"] - summary.best_val_loss
        verdict = f"the network's is {abs(margin):.4f} {'lower' if margin > 0 else 'higher'}"
        label = f"best n-gram (order {summary.baseline_order})"
        lines.append((label, f"{metrics['baseline_loss']:.4f} {unit} ({verdict})"))
    for key in ("new", "distinct"):
        if key in metrics:
            lines.append((f"samples that are {key}", f"{metrics[key]:.0%}"))
    if "seconds" in metrics:
        counted = "targets" if summary.words else "tokens"
        speed = f"{metrics['seconds']:.1f} s ({metrics['tokens_per_s']:,.0f} {counted}/s)"
        lines.append(("training time", speed))
    return lines


def closing(session: Session, folder: RunFolder) -> str:
    """The last line: the commands to give next."""
    elsewhere = session.settings.outputs != Train.outputs
    run = shlex.quote(str(folder.path)) if elsewhere else folder.handle
    more = f"rnnx sample {run}   makes more"
    if not session.corpus.is_language:
        more = f"rnnx predict {run} FILE   predicts from new data"
    if session.components.tracker.ui("127.0.0.1", 5000) is None:
        return more
    chosen = as_overrides("tracker", session.config["tracker"], session.components.tracker)
    return f"{' '.join(['rnnx ui', *chosen])}   opens the runs in a browser; {more}"
