"""Where a run's results come from, for reports and model cards: settings, data, code, commands."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.config.identity import flat_params
from rnnx.config.overrides import shown
from rnnx.errors import CheckpointError
from rnnx.runs.fields import own_overrides
from rnnx.runs.folder import RunFolder
from rnnx.runs.stored_config import stored_config
from rnnx.runs.sweep_folder import NOT_ASKED, Sweep
from rnnx.system.secrets import masked

COUNTS = "count."  # how the sizes begin that stand among a run's parameters
MACHINE = {"python": "Python", "numpy": "NumPy", "numba": "Numba", "system": "system"}


class Provenance(NamedTuple):
    """What a run's folder tells of its making; what an earlier rnnx did not keep is left out."""

    settings: Mapping[str, str]  # key → value of the resolved configuration
    data: Mapping[str, str]  # what → digest or size
    environment: Mapping[str, str]  # what → version or name
    command: str  # that trains it again, for a shell
    started: str  # "2026-11-29"; empty if unknown


def provenance(folder: RunFolder) -> Provenance:
    """What is known of a run."""
    fields = folder.read()
    told, tags = fields.get("told", {}), fields.get("tags", {})
    params = told.get("params") or _params(folder)
    tags = {**told.get("tags", {}), **tags}
    settings = {key: text for key, text in params.items() if not key.startswith(COUNTS)}
    return Provenance(
        {key: masked(text) for key, text in sorted(settings.items())},
        _data(fields, params, "targets" if "rnnx.loss_unit" in tags else "symbols"),
        _environment(fields, tags),
        command_of(folder),
        time.strftime("%Y-%m-%d", time.gmtime(fields["started"])) if "started" in fields else "",
    )


def _params(folder: RunFolder) -> dict[str, str]:
    try:
        return flat_params(stored_config(folder))
    except CheckpointError:  # config.yaml is missing or damaged
        return {}


def _data(fields: Mapping[str, Any], params: Mapping[str, str], counted: str) -> dict[str, str]:
    """What is known of the data; ``counted`` names what is learned, symbols or targets."""
    kinds = params.get("count.symbols", "")
    known = {
        "data set": params.get("dataset.name", ""),
        "file": params.get("dataset.path", ""),
        "SHA-256 of the data": fields.get("data_sha256", ""),
        "SHA-256 of the split": fields.get("split_sha256", ""),
        f"training {counted}": params.get("count.train_tokens", ""),
        f"held-out {counted}": params.get("count.val_tokens", ""),
        "kinds of symbols": kinds if kinds != "0" else "",
    }
    return {what: value for what, value in known.items() if value}


def _environment(fields: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, str]:
    known = dict(sorted(fields.get("versions", {}).items()))
    known |= {f"source of {name}": digest for name, digest in fields.get("sources", {}).items()}
    own = fields.get("machine", {})
    known |= {MACHINE.get(key, key): value for key, value in own.items()}
    known |= {"backend": tags.get("rnnx.backend", ""), "threads": tags.get("rnnx.threads", "")}
    known["git commit of the working folder"] = tags.get("git.commit", "")
    return {what: value for what, value in known.items() if value}


def command_of(folder: RunFolder) -> str:
    """The command that trains a run again; a sweep's job has the sweep's settings, too."""
    fields = folder.read()
    own = own_overrides(fields)
    of_sweep: Sequence[str] = ()
    sweep = sweep_of(folder)
    if sweep is not None and "command" not in fields:  # a job of an earlier version
        known = sweep.read()
        swept = known.get("swept", [])
        of_sweep = [text for text in known.get("overrides", []) if _key(text) not in swept]
    typed = [text for text in [*map(shown, of_sweep), *own] if not text.startswith(NOT_ASKED)]
    return masked(shlex.join(["rnnx", "train", *typed]))


def sweep_of(folder: RunFolder, known: Mapping[str, Any] | None = None) -> Sweep | None:
    """The sweep beside a run's folder of which the run is a job; None where there is none.

    ``known`` are the fields of its run.json where they were read.
    """
    fields = folder.read() if known is None else known
    name = Path(str(fields.get("sweep", ""))).name  # a name, whatever the field is
    sweep = Sweep(folder.path.parent / "sweeps" / name)
    return sweep if name and (sweep.path / "sweep.json").is_file() else None


def command_of_sweep(sweep: Sweep) -> str:
    """The command that continues a sweep, or repeats it elsewhere."""
    typed = map(shown, sweep.read().get("overrides", []))
    return masked(shlex.join(["rnnx", "train", "-m", *typed]))


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")
