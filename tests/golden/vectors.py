"""Writes golden vectors of a cell: JSON with inputs of few digits, and what they lead to.

The loss is Σ h ⊙ dh + Σ final ⊙ dstate. Layout is rnnx's: x (T, n_x, B), h (T, n_a, B), states
(n_a, B), weights (n_out, n_in), biases (n, 1).
"""

import json
from pathlib import Path

import numpy as np

T, B, N_X, N_A = 7, 3, 4, 5
FOLDERS = {"builtin": "plugins/rnnx_builtin/cells/golden", "zoo": "plugins/rnnx_zoo/golden"}


def numbers(rng, *shape, scale=1.0):
    """Normal numbers with three decimals."""
    return np.round(rng.normal(scale=scale, size=shape), 3)


def inputs(rng, shapes, n_states=0, n_x=N_X):
    """Parameters of these shapes, x, dh, and states with their gradients."""
    drawn = {
        "params": {name: numbers(rng, *shape, scale=0.5) for name, shape in shapes.items()},
        "x": numbers(rng, T, n_x, B),
        "dh": numbers(rng, T, N_A, B),
    }
    if n_states:
        drawn["state"] = [numbers(rng, N_A, B, scale=0.5) for _ in range(n_states)]
        drawn["dstate"] = [numbers(rng, N_A, B) for _ in range(n_states)]
    return drawn


def listed(value):
    """Arrays as nested lists, floats as the shortest text that is the same to 13 digits."""
    if isinstance(value, dict):
        return {key: listed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [listed(one) for one in value]
    if isinstance(value, np.ndarray):
        return listed(value.tolist())
    return float(f"{value:.13g}") if isinstance(value, float) else value


def write(where, name, script, source, about, fields, drawn, found):
    """Write one file into the folder of the plugin."""
    root = Path(__file__).resolve().parents[2]
    made = {
        "source": source,
        "script": f"tests/golden/{script}",
        "about": about,
        "fields": {"hidden_size": N_A, **fields},
        **drawn,
        **found,
    }
    path = root / FOLDERS[where] / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(listed(made), separators=(",", ":"), ensure_ascii=False) + "\n")
    print(path.relative_to(root), path.stat().st_size)
