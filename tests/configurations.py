"""Few configurations that together use every built-in component of most kinds."""

from itertools import cycle, islice
from pathlib import Path

from rnnx.registry.manager import registry

KINDS = ("cell", "block", "optimizer", "schedule", "clipper", "sampler", "dataset")

# Data sets with targets of their own, which other heads learn, beside all memory tasks.
GIVEN_TARGETS = {"classified", "tagged", "csv", "npz", "piano_rolls"}
TASKS = "rnnx_tasks."  # how the modules of the memory tasks begin

SMALL = [
    "cell.hidden_size=6",
    "batch_size=3",
    "samples=3",
    "sample_length=12",
    "baseline=never",
    "tracker=none",
]

PROSE = "It was the best of times, it was the worst of times; it was the age of wisdom.\n" * 12


def built_in(kind: str) -> list[str]:
    """The names of the built-in components of a kind."""
    ours = [e for e in registry() if e.kind == kind and e.owner.distribution == "rnnx"]
    return [e.name for e in ours if not e.module.startswith(TASKS)]


def covering_configurations(folder: Path) -> list[list[str]]:
    """Every component of ``KINDS`` at least once; one and two layers, with and without dropout."""
    names, prose = folder / "names.txt", folder / "prose.txt"
    parts = ["ara", "bo", "cis", "da", "el", "fu"]
    names.write_text("".join(f"{a}{b}{c}\n" for a in parts for b in parts for c in ("us", "ia")))
    prose.write_text(PROSE)
    paths = {"dinosaurs": [], "text": [f"dataset.path={prose}", "dataset.length=7"]}
    names_of = {kind: built_in(kind) for kind in KINDS}
    names_of["dataset"] = [name for name in names_of["dataset"] if name not in GIVEN_TARGETS]
    count = max(map(len, names_of.values()))
    columns = [list(islice(cycle(names_of[kind]), count)) for kind in KINDS]
    made = []
    for place, (*others, dataset) in enumerate(zip(*columns, strict=True)):
        # A plateau is one of the loss of a held-out part.
        row = (*others, "dinosaurs" if "plateau" in others else dataset)
        chosen = [f"{kind}={name}" for kind, name in zip(KINDS, row, strict=True)]
        chosen += ["block.heads=2"] if "xlstm" in row else []  # which divide the hidden size
        chosen += paths.get(row[-1], [f"dataset.path={names}"])
        chosen += [f"layers={1 + place % 2}", f"dropout={0.4 if place % 3 else 0}"]
        made.append([*SMALL, *chosen])
    # The state of an LSTM is two arrays a layer: carried from batch to batch, with dropout.
    carried = ["cell=lstm", "dataset=text", *paths["text"], "layers=2", "dropout=0.3"]
    # Each kind of dropout has masks of its own, which a resumed run draws on.
    masks = ["dropout_kind=variational", "weight_dropout=0.3", "zoneout=0.2", "zoneout_memory=0.4"]
    dropped = ["cell=lstm", "block=convolution", "dataset=text", *paths["text"], *masks]
    return [*made, [*SMALL, *carried], [*SMALL, *dropped]]
