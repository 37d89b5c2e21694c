"""A run's data and checkpoints where MLflow has a place for them: inputs and logged models.

A checkpoint is a logged model whose artifact stays in the run's folder, so no byte is copied. Its
name has the step, its parameters are the run's main ones. MLflow makes every metric of a model a
metric of its run, too: so these have names of their own, ``checkpoint/val_loss``, and step 0, at
which it draws a bar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from rnnx.contracts import DataPart, SavedCheckpoint

NAME_LENGTH, DIGEST_LENGTH = 500, 36  # MLflow's limits for data, in characters
CONTEXT = "mlflow.data.context"  # of an input: what the data is used for
EXTERNAL = "mlflow.model.isExternal"  # the artifact is kept elsewhere
FILE_TAG, DIGEST_TAG = "rnnx.checkpoint", "rnnx.sha256"  # of a logged model
METRICS = "checkpoint/"
SWEPT = "sweep."  # how the tag of a swept key of a sweep's job begins
SHOWN = re.compile(
    r".+\.name|cell\.hidden_size|layers|dropout|seed|steps|batch_size|optimizer\.learning_rate"
    r"|count\.parameters"
)

Wanted: TypeAlias = Mapping[str, SavedCheckpoint]  # by the name of the logged model


def log_data(client: Any, run_id: str, parts: Sequence[DataPart]) -> None:
    """Log the parts as inputs of the run; MLflow keeps data of one name and digest once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for part in parts:
        is_web = part.source.startswith(("http:", "https:"))
        source = json.dumps({"url" if is_web else "uri": part.source})
        sizes = json.dumps({"examples": part.examples, "tokens": part.tokens})
        kind = "http" if is_web else "local"
        data = Dataset(*_named(part), kind, source, profile=sizes)
        inputs.append(DatasetInput(data, [InputTag(CONTEXT, part.use)]))
    client.log_inputs(run_id, datasets=inputs)


def _named(part: DataPart) -> tuple[str, str]:
    return part.name[:NAME_LENGTH], part.digest[:DIGEST_LENGTH]


def set_checkpoints(
    client: Any, run: Any, saved: Sequence[SavedCheckpoint], may_have: bool = True
) -> None:
    """Let the run have a logged model for each of these checkpoints and for no others.

    What was begun by a process that was killed is completed, and nothing is made twice.
    ``may_have``: the run may have models already.
    """
    # MLflow lists the newest first where metrics are equal: the best one is made last.
    in_order = sorted(saved, key=lambda one: one.kind == "best")
    wanted = {f"{one.kind}-step-{one.step}": one for one in in_order}
    there = _models(client, run, wanted) if may_have else {}
    for name, one in wanted.items():
        if name not in there:
            there[name] = _create(client, run, name, one)
    if there and str(client.tracking_uri).startswith("http"):
        there = _models(client, run, wanted)  # a request whose answer was lost was sent twice
    _complete(client, run, wanted, there)


def _models(client: Any, run: Any, wanted: Wanted) -> dict[str, Any]:
    """The run's logged models by name; those that are not wanted, or twice there, are deleted."""
    query = f"source_run_id = '{run.info.run_id}'"
    found: dict[str, Any] = {}
    for model in client.search_logged_models([run.info.experiment_id], query):
        if FILE_TAG in model.tags:  # else it is none of rnnx's
            if model.name not in wanted or model.name in found:
                client.delete_logged_model(model.model_id)
            else:
                found[model.name] = model
    return found


def _create(client: Any, run: Any, name: str, one: SavedCheckpoint) -> Any:
    return client.create_logged_model(
        run.info.experiment_id,
        name=name,
        source_run_id=run.info.run_id,
        tags={EXTERNAL: "true", **_tags(one)},
        params={**_params(run), "checkpoint.step": str(one.step)},
        model_type=one.kind,
    )


def _params(run: Any) -> dict[str, str]:
    """Of the run's parameters those that people look for, and those that its sweep varies."""
    swept = [key.removeprefix(SWEPT) for key in run.data.tags if key.startswith(SWEPT)]
    params = run.data.params.items()
    return {key: value for key, value in params if SHOWN.fullmatch(key) or key in swept}


def _tags(one: SavedCheckpoint) -> dict[str, str]:
    return {FILE_TAG: str(one.path), DIGEST_TAG: one.sha256}


def _complete(client: Any, run: Any, wanted: Wanted, there: Mapping[str, Any]) -> None:
    """Give the models what they lack: tags, status, metrics, and their place in the run."""
    from mlflow.entities import LoggedModelOutput

    outputs = {output.model_id for output in run.outputs.model_outputs or ()} if run.outputs else {}
    metrics: list[Any] = []
    new: list[Any] = []
    for name, model in there.items():
        if not _tags(wanted[name]).items() <= model.tags.items():
            client.set_logged_model_tags(model.model_id, _tags(wanted[name]))
        if model.status != "READY":
            client.finalize_logged_model(model.model_id, "READY")
        if model.model_id not in outputs:
            new.append(LoggedModelOutput(model.model_id, wanted[name].step))
        metrics += _metrics(model, wanted[name], max(one.timestamp for one in wanted.values()))
    if metrics:
        client.log_batch(run.info.run_id, metrics=metrics)
    if new:
        client.log_outputs(run.info.run_id, new)


def _metrics(model: Any, one: SavedCheckpoint, newest: int) -> Iterator[Any]:
    """The metrics that a model has not yet; the held-out loss with the data it was measured on."""
    from mlflow.entities import Metric

    had = {metric.key for metric in model.metrics or ()}
    timestamp = newest + (one.kind == "best")  # the run shows the newest value: that of its best
    for key, value in one.metrics.items():
        if METRICS + key not in had:
            data = _named(one.data) if one.data and key == "val_loss" else ()
            yield Metric(METRICS + key, value, timestamp, 0, model.model_id, *data)
