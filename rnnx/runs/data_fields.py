"""What a run's data is, beside its vocabulary, as a checkpoint's metadata has it.

features   [[name, unit, mean, deviation], …]                 none where inputs are symbols alone
targets    {kind, names, quantities: [[…], …], per_sequence}  none for the next symbol
           and tolerance, alternatives where the data says what counts as right
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnx.contracts.trackers import is_number
from rnnx.data.corpus import Corpus
from rnnx.data.targets import NEXT_SYMBOL, Quantity, TargetKind, Targets, refuse_wrong_quantities
from rnnx.errors import CheckpointError, DataError
from rnnx.system.text import is_text

LONGEST_NAME = 1000  # characters of a name or a unit
MOST = 1_000_000  # classes, bits, values or features


def data_fields(corpus: Corpus) -> dict[str, Any]:
    """The fields of a corpus; none for the next symbol of a text."""
    fields: dict[str, Any] = {}
    if corpus.features:
        fields["features"] = [list(one) for one in corpus.features]
    if corpus.targets != NEXT_SYMBOL:
        targets = corpus.targets
        fields["targets"] = {
            "kind": targets.kind.value,
            "names": list(targets.names),
            "quantities": [list(one) for one in targets.quantities],
            "per_sequence": targets.per_sequence,
        }
        if targets.tolerance is not None:
            fields["targets"]["tolerance"] = targets.tolerance
        if targets.alternatives:
            fields["targets"]["alternatives"] = True
    return fields


def features_of(metadata: Mapping[str, Any], where: str) -> tuple[Quantity, ...]:
    """The features of a checkpoint; CheckpointError where they are none."""
    try:
        found = _quantities(metadata.get("features", []))
        refuse_wrong_quantities(found)
    except (TypeError, ValueError, DataError) as error:
        raise CheckpointError(f"{where}: its metadata has no valid 'features' ({error})") from None
    return found


def targets_of(metadata: Mapping[str, Any], where: str) -> Targets:
    """The targets of a checkpoint; CheckpointError where they are none."""
    if "targets" not in metadata:
        return NEXT_SYMBOL
    try:
        match metadata["targets"]:
            case {
                "kind": str(kind),
                "names": list(names),
                "quantities": list(quantities),
                "per_sequence": bool(per_sequence),
            } if all(map(_is_name, names)) and len(names) <= MOST:
                own = tuple(names), _quantities(quantities), per_sequence
                return Targets(TargetKind(kind), *own, *_what_is_right(metadata["targets"]))
        raise TypeError("a field is missing or of another type")
    except (TypeError, ValueError, DataError) as error:
        raise CheckpointError(f"{where}: its metadata has no valid 'targets' ({error})") from None


def _what_is_right(stored: Mapping[str, Any]) -> tuple[float | None, bool]:
    """The tolerance and whether there are alternatives."""
    tolerance, alternatives = stored.get("tolerance"), stored.get("alternatives", False)
    if not (tolerance is None or is_number(tolerance)) or not isinstance(alternatives, bool):
        raise TypeError("tolerance or alternatives is of another type")
    return None if tolerance is None else float(tolerance), alternatives


def _quantities(stored: Any) -> tuple[Quantity, ...]:
    if not isinstance(stored, list) or len(stored) > MOST:
        raise TypeError("not a list")
    found = []
    for one in stored:
        match one:
            case [str(name), str(unit), mean, deviation] if (
                _is_name(name) and is_text(unit) and is_number(mean) and is_number(deviation)
            ):
                found.append(Quantity(name, unit[:LONGEST_NAME], float(mean), float(deviation)))
            case _:
                raise TypeError("an entry is not name, unit, mean and deviation")
    return tuple(found)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and is_text(name) and 0 < len(name) <= LONGEST_NAME
