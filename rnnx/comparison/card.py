"""``rnnx card``: a run's model card in the form of the Hugging Face Hub.

YAML between two lines ``---`` for the Hub's search and its table of results, then Markdown for
people. Each section is made from what the run's folder and its checkpoint hold; what they do not
hold is not said. A licence and a data set's name on the Hub are the author's to give.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from rnnx.comparison.card_checkpoint import (
    History,
    held_out_at,
    other_step,
    round_at,
    shares_of,
)
from rnnx.comparison.card_targets import (
    example_of,
    hub_task,
    inputs_of,
    measures,
    outputs_of,
    shown_predictions,
)
from rnnx.comparison.provenance import Provenance, provenance
from rnnx.comparison.readings import Readings
from rnnx.comparison.templates import template
from rnnx.config.identity import ELSEWHERE
from rnnx.errors import ConfigError
from rnnx.models.trained import Model, load_file
from rnnx.registry.manager import registry
from rnnx.runs import predictions_file, samples_file
from rnnx.runs.find import find_run
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.system.text import printable

TEMPLATE = "card.md.jinja"
TASK = {"type": "text-generation", "name": "Text generation"}
MOST_SAMPLES, LONGEST = 8, 400  # texts; characters of one
LARGEST_EXPONENT = 700  # of math.exp, in whole hundreds
# Settings that say how a network was trained; all are in the list at the end of the section.
TELLING = (
    *("steps", "batch_size", "seed", "dtype", "layers", "cell.name", "cell.hidden_size"),
    *("dropout", "input_dropout", "crossover", "optimizer.name", "optimizer.learning_rate"),
    *("schedule.name", "clipper.name", "clipper.limit"),
)


class _Metric(NamedTuple):
    """A metric with the keys that the Hub has for it."""

    type: str
    value: float
    name: str


class _Facts(NamedTuple):
    """What a card tells of a run."""

    folder: RunFolder
    model: Model
    made: Provenance
    metrics: Mapping[str, float]  # the last value of each
    history: History
    held_out: Mapping[str, float]  # what was measured at the checkpoint's step, by name

    @property
    def data(self) -> str:
        """The name of the data: that of its file, else of the data set."""
        file = self.made.settings.get("dataset.path", "")
        return printable(Path(file).name or str(self.model.config["dataset"]["name"]))

    @property
    def cell(self) -> str:
        """The name of the cell."""
        return str(self.model.config["cell"]["name"])

    def metric(self, key: str) -> float | None:
        """The last value of a metric, where it has a finite one."""
        return _finite(self.metrics.get(key))

    @property
    def loss(self) -> float | None:
        """The held-out loss of the checkpoint; None where nothing was held out."""
        return _finite(self.held_out.get("loss", self.metrics.get("best/val_loss")))

    @property
    def samples(self) -> samples_file.Round | None:
        """The samples of the checkpoint's step, else the last ones."""
        return round_at(samples_file.rounds(self.folder.samples), self.model.step)

    @property
    def predictions(self) -> predictions_file.Round | None:
        """The predictions of the checkpoint's step, else the last ones."""
        return round_at(predictions_file.rounds(self.folder.predictions), self.model.step)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def card(run: str, license_id: str | None = None, datasets: Sequence[str] = ()) -> str:
    """The card of ``run``; ``license_id`` and ``datasets`` are the Hub's names of both.

    Raises RunNotFound or CheckpointError where there is no model, ConfigError for a name that the
    Hub does not take.
    """
    folder = find_run(run)
    fields = folder.read()
    metrics = fields.get("metrics") or folder.summary().metrics
    model = load_file(folder.best_or_last())
    history = read_history(folder.metrics)
    held_out = held_out_at(history, model.step)
    facts = _Facts(folder, model, _public(provenance(folder)), metrics, history, held_out)
    for name in datasets:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
            raise ConfigError(f"--dataset {name}: is no name on the Hub, as owner/name is one")
    if license_id is not None and not re.fullmatch(r"[a-z0-9.-]+", license_id):
        raise ConfigError(
            f"--license {license_id}: is no identifier of the Hub's; they are like mit, apache-2.0 "
            "or cc-by-4.0"
        )
    return _render(facts, _front_matter(facts, license_id, datasets))


def _public(made: Provenance) -> Provenance:
    """Without what is of the author's machine alone: where runs are kept, and folders of files."""
    settings = {key: _named(text) for key, text in made.settings.items() if not _is_elsewhere(key)}
    program, command, *overrides = shlex.split(made.command)
    kept = [text.partition("=") for text in overrides if not _is_elsewhere(text.partition("=")[0])]
    public = [f"{key}{equals}{_named(value)}" for key, equals, value in kept]
    return made._replace(
        settings=settings,
        data={what: _named(text) for what, text in made.data.items()},
        command=shlex.join([program, command, *public]),
    )


def _is_elsewhere(key: str) -> bool:
    return re.split(r"[./]", key.lstrip("+~"))[0] in ELSEWHERE


def _named(value: str) -> str:
    """The value, of a path from the root or from home its last name alone."""
    return PurePath(value).name if value.startswith(("/", "~")) or value[1:3] == ":\\" else value


def _front_matter(facts: _Facts, license_id: str | None, datasets: Sequence[str]) -> dict[str, Any]:
    """What the Hub reads."""
    front: dict[str, Any] = {} if license_id is None else {"license": license_id}
    front |= {
        "library_name": "rnnx",
        "pipeline_tag": _task(facts.model)["type"],
        "tags": list(dict.fromkeys(["rnnx", "rnn", _slug(facts.cell), "numpy"])),
        "datasets": list(datasets) or [_slug(facts.data)],
    }
    if results := _results(facts):
        index = {"name": f"{facts.cell}-{_slug(facts.data)}-{facts.folder.id[:8]}"}
        own = [one["type"] for one in results["metrics"]]
        front["metrics"] = ["perplexity"] if facts.model.is_language else own[1:] or own
        front["model-index"] = [{**index, "results": [results]}]
    return front


def _task(model: Model) -> dict[str, str]:
    return TASK if model.is_language else hub_task(model)


def _results(facts: _Facts) -> dict[str, Any]:
    """The held-out loss as the Hub's table of results has it; empty where nothing was held out."""
    loss = facts.loss
    if loss is None:
        return {}
    dataset = {"name": facts.data, "type": _slug(facts.data), "split": "held-out part"}
    if digest := facts.made.data.get("SHA-256 of the split"):
        dataset["revision"] = digest
    task, unit = _task(facts.model), facts.model.vocabulary.unit
    found = [_Metric("loss", round(loss, 4), f"held-out loss, {facts.model.loss_unit}")]
    if not facts.model.is_language:
        own = measures(facts.model, facts.held_out)
        found += [_Metric(name, float(f"{value:.4g}"), words) for name, words, value, _ in own]
        return {"task": task, "dataset": dataset, "metrics": [one._asdict() for one in found]}
    found += [_Metric("bits_per_character", round(loss / math.log(2), 4), f"bits a {unit}")]
    if loss < LARGEST_EXPONENT:
        found.append(_Metric("perplexity", round(math.exp(loss), 4), f"perplexity of a {unit}"))
    return {"task": task, "dataset": dataset, "metrics": [one._asdict() for one in found]}


def _slug(name: str) -> str:
    """A name as the Hub's lists have them."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "data"


def _render(facts: _Facts, front: Mapping[str, Any]) -> str:
    import yaml

    model, settings, drawn = facts.model, facts.made.settings, facts.samples
    samples = [_shortened(text) for text in (drawn.texts if drawn else [])[:MOST_SAMPLES]]
    predicted = facts.predictions
    card: str = template(TEMPLATE).render(
        front=yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True).strip(),
        run=facts.folder,
        name=str(facts.folder.read().get("name", "")) or facts.folder.id[:8],
        cell=facts.cell,
        about_cell=_about_cell(facts.cell),
        data=facts.data,
        made=facts.made,
        telling=[(key, settings[key]) for key in TELLING if key in settings],
        model=model,
        size=model.params.size,
        units=model.network.cell.hidden_size,
        needs=[f"{name} {version}" for name, version in _versions(facts.folder)],
        file=facts.folder.best_or_last().name,
        results=_table(facts),
        samples=samples if any("\n" in text for text in samples) else ["\n".join(samples)],
        limits=_limits(facts),
        reads=inputs_of(model),
        example=[] if model.is_language else example_of(model),
        predicts="" if model.is_language else outputs_of(model),
        predictions=shown_predictions(predicted),
        of_step=other_step(drawn or predicted, model.step),
    )
    return card


def _versions(folder: RunFolder) -> list[tuple[str, str]]:
    known = folder.read().get("versions", {})
    return sorted(known.items()) or [("rnnx", "of the time of the run")]


def _about_cell(name: str) -> str:
    text = registry().get("cell", name).component.__doc__ or ""
    return printable(text.strip().partition("\n")[0])


def _table(facts: _Facts) -> list[tuple[str, str]]:
    """What was measured, in words and numbers."""
    unit, best, step = facts.model.vocabulary.unit, facts.loss, facts.model.step
    loss_unit = facts.model.loss_unit
    baseline, train = facts.metric("final/baseline_loss"), facts.metric("final/train_loss")
    rows: list[tuple[str, str]] = []
    if best is not None:
        rows.append((f"held-out loss (step {step})", f"{best:.4f} {loss_unit}"))
        if facts.model.is_language:
            rows.append((f"bits a {unit}", f"{best / math.log(2):.4f}"))
    for _, words, value, own in measures(facts.model, facts.held_out):
        rows.append((f"{words} (step {step})", f"{value:.4g} {own}".strip()))
    if baseline is not None:
        rows.append(
            ("baseline: the best n-gram on the same split", f"{baseline:.4f} nats a {unit}")
        )
    if train is not None:
        rows.append(("training loss, last step", f"{train:.4f} {loss_unit}"))
    drawn = facts.samples
    of_step = other_step(drawn, step)
    for key, share in shares_of(facts.history, drawn).items():
        what = "not in the training data" if key == "new" else key
        rows.append((f"samples{of_step} that are {what}", f"{share:.0%}"))
    if (copied := _copied(facts.folder, drawn)) is not None:
        what = f"of a sample{of_step} in its longest copy from that data, mean"
        rows.append((what, f"{copied:.0%}"))
    return rows


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _copied(folder: RunFolder, drawn: samples_file.Round | None) -> float | None:
    """The mean share of a sample that its longest copy from the training data takes."""
    copies = Readings().read(folder, drawn, drawn.texts).copies if drawn else []
    shares = [copy.share for copy in copies if copy is not None and copy.length]
    return sum(shares) / len(shares) if shares else None


def _limits(facts: _Facts) -> list[str]:
    """What the model cannot do, as far as the run tells."""
    model, lines = facts.model, []
    kinds = f"{len(model.vocabulary)} kinds of {model.vocabulary.unit}s"
    if model.is_language:
        lines.append(f"It reads and writes {kinds}, those of its data, and refuses all others.")
    else:
        lines.append(f"It reads {inputs_of(model)} and predicts nothing but {outputs_of(model)}.")
    counted = "symbols" if model.is_language else "targets"
    if tokens := facts.made.data.get(f"training {counted}"):
        lines.append(f"It has learned from {tokens} {counted} of one data set, and knows no other.")
    best, baseline = facts.loss, facts.metric("final/baseline_loss")
    if best is None:
        lines.append("Nothing was held out: how good it is on data it has not seen is unknown.")
    elif baseline is not None and best >= baseline:
        lines.append(
            f"Its held-out loss is {best - baseline:.4f} nats above that of the best n-gram: a "
            "table of counts predicts this data better."
        )
    if (new := shares_of(facts.history, facts.samples).get("new", 1.0)) < 1:
        lines.append(f"{1 - new:.0%} of its samples stand in the training data to the letter.")
    if model.is_language:
        lines.append("Nothing filters what it writes: whatever is in its data may come back.")
    return lines
