"""Writes golden vectors of the adaptive softmax head, as PyTorch computes them in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 numpy
/tmp/golden/bin/python tests/golden/make_adaptive_softmax.py

PyTorch's clusters have no bias; each gets an output layer with one here.
"""

import json
from pathlib import Path

import numpy as np
import torch
from vectors import listed, numbers

T, B, N_A, N_Y, BOUNDS, SHRINK = 6, 3, 8, 20, [5, 10, 20], 2
FILE = Path(__file__).with_name("adaptive_softmax.json")
NAMES = {
    "Wy": "head.weight",
    "by": "head.bias",
    "P1": "tail.0.0.weight",
    "W1": "tail.0.1.weight",
    "b1": "tail.0.1.bias",
    "P2": "tail.1.0.weight",
    "W2": "tail.1.1.weight",
    "b2": "tail.1.1.bias",
}


def module_of():
    made = torch.nn.AdaptiveLogSoftmaxWithLoss(
        N_A, N_Y, BOUNDS[:-1], div_value=SHRINK, head_bias=True
    )
    for tail in made.tail:
        tail[1] = torch.nn.Linear(tail[1].in_features, tail[1].out_features)
    return made


def main():
    torch.set_default_dtype(torch.float64)
    rng, module = np.random.default_rng(5), module_of()
    own = dict(module.named_parameters())
    assert own.keys() == set(NAMES.values())
    drawn, leaves = {}, {}
    for name, theirs in NAMES.items():
        shape = tuple(own[theirs].shape)
        array = numbers(rng, *shape, scale=0.7)
        drawn[name] = array if array.ndim == 2 else array[:, None]
        leaves[theirs] = torch.tensor(array, requires_grad=True)
    h, y = numbers(rng, T, N_A, B), rng.integers(0, N_Y, (T, B))
    flat = torch.tensor(h, requires_grad=True)
    rows = flat.permute(0, 2, 1).reshape(T * B, N_A)
    given = rows, torch.tensor(y.ravel())
    at_target, loss = torch.func.functional_call(module, leaves, given)
    loss.backward()
    with torch.no_grad():
        for theirs in NAMES.values():
            own[theirs].copy_(leaves[theirs])
        ln_p = module.log_prob(rows).reshape(T, B, N_Y).permute(0, 2, 1)
    gradients = {name: leaves[theirs].grad.numpy() for name, theirs in NAMES.items()}
    made = {
        "source": f"torch.nn.AdaptiveLogSoftmaxWithLoss of PyTorch {torch.__version__}",
        "script": "tests/golden/make_adaptive_softmax.py",
        "fields": {"shortlist": BOUNDS[0], "clusters": len(BOUNDS) - 1, "shrink": float(SHRINK)},
        "bounds": BOUNDS,
        "params": drawn,
        "h": h,
        "y": y,
        "loss": float(loss.detach()),
        "nats": -at_target.detach().numpy().reshape(T, B),
        "ln_p": ln_p.numpy(),
        "dparams": {name: g if g.ndim == 2 else g[:, None] for name, g in gradients.items()},
        "dh": flat.grad.numpy(),
    }
    text = json.dumps(listed(made), separators=(",", ":"), ensure_ascii=False)
    FILE.write_text(text + "\n", "utf-8")
    print(FILE.name, FILE.stat().st_size)


if __name__ == "__main__":
    main()
