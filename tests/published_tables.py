"""A plugin with a published table that trains in seconds, for tests."""

from pathlib import Path

TABLE = """\
title: Two cells on names
source: nobody
differs: everything
mark: second-hand
overrides: [tracker=none, dataset=lines, cell.hidden_size=8, batch_size=4, steps=8, layers=1,
  dropout=0, eval_every=4, samples=0, baseline=never, "seed=0,1"]
quick: [steps=4, seed=0]
needs: {dataset.path: a file of names}
figures:
  - {name: loss, unit: nats, metric: final/val_loss, better: lower, solved: 100}
rows:
  - {name: plain, overrides: [cell=vanilla], published: {loss: 1.5}, predicted: {loss: cannot},
     because: it is plain.}
  - {name: gated, overrides: [cell=gru], predicted: {loss: can}}
  - {name: open gate, overrides: [cell=lstm, cell.forget_bias=2]}
  - {name: gate, overrides: [cell=lstm]}
"""


def write_plugin(folder: Path, **tables: str) -> None:
    """Install a plugin with these tables, by name, below ``folder``."""
    package = folder / "acme_tables"
    (package / "conf" / "reproduce").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import rnnx\n\n@rnnx.hookimpl\ndef conf_paths():\n    return ['pkg://acme_tables/conf']\n"
    )
    for name, text in tables.items():
        (package / "conf" / "reproduce" / f"{name}.yaml").write_text(text, "utf-8")
    info = folder / "acme_tables-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_tables\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rnnx]\nmain = acme_tables\n")
