"""Writes optax.json: update rules as optax 0.2.8 computes them, in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install 'jax[cpu]' optax==0.2.8
/tmp/golden/bin/python tests/golden/make_optax.py
"""

import json
from pathlib import Path

import jax
import numpy as np
import optax
from optax import contrib

jax.config.update("jax_enable_x64", True)
METRIC = [3.0, 2.5, 2.4, 2.41, 2.4, 2.42, 2.3, 2.3, 2.31, 2.32, 2.33, 2.29, 2.3, 2.3, 2.3, 2.3]


def descent(rule, begin, gradients):
    """Parameters after each update."""
    params, state, found = begin, rule.init(begin), []
    for gradient in gradients:
        updates, state = rule.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        found.append(params.tolist())
    return found


def clipped(fraction, weights, gradients):
    """optax takes weights as (n_in, n_out), rnnx as (n_out, n_in)."""
    rule = optax.adaptive_grad_clip(fraction, eps=1e-3)
    tree = {name: array.T for name, array in weights.items()}
    updates, _ = rule.update({k: g.T for k, g in gradients.items()}, rule.init(tree), tree)
    return {name: np.asarray(array).T.tolist() for name, array in updates.items()}


def factors(patience, cooldown, floor):
    """The factor after each value of METRIC."""
    rule = contrib.reduce_on_plateau(
        0.5, patience=patience, rtol=1e-2, cooldown=cooldown, min_scale=floor
    )
    params = {"p": np.zeros(1)}
    state, found = rule.init(params), []
    for value in METRIC:
        _, state = rule.update(params, state, value=value)
        found.append(float(state.scale))
    return found


def main() -> None:
    rng = np.random.default_rng(0)
    begin, gradients = rng.normal(size=7), rng.normal(size=(12, 7))
    rules = {
        "nadam": optax.nadam(0.05, b1=0.7, b2=0.95, eps=1e-5),
        "radam": optax.radam(0.05, b1=0.7, b2=0.95, eps=1e-5),
        "lion": optax.lion(0.05, b1=0.7, b2=0.95, weight_decay=0.3),
    }
    weights = {"W": rng.normal(size=(5, 4)), "b": np.zeros((5, 1))}
    weights["W"][3] = 0
    grads = {"W": rng.normal(size=(5, 4)), "b": rng.normal(size=(5, 1))}
    grads["W"][1] *= 1e-3
    cycle = optax.cosine_onecycle_schedule(100, 1.0, 0.3, 25.0, 1e4)
    made = {
        "begin": begin.tolist(),
        "gradients": gradients.tolist(),
        "descents": {name: descent(rule, begin, gradients) for name, rule in rules.items()},
        "weights": {k: v.tolist() for k, v in weights.items()},
        "weight_gradients": {k: v.tolist() for k, v in grads.items()},
        "adaptive": clipped(0.1, weights, grads),
        "one_cycle": [float(cycle(k)) for k in range(120)],
        "metric": METRIC,
        "plateau": {"1,0,0": factors(1, 0, 0.0), "2,2,0.3": factors(2, 2, 0.3)},
    }
    text = json.dumps(made, indent=1)
    (Path(__file__).parent / "optax.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
