"""Writes golden vectors of lem and layernorm_lstm, as the code in two repositories computes them.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 numpy
git clone https://github.com/tk-rusch/LEM /tmp/LEM && git -C /tmp/LEM checkout 1315eed
git clone https://github.com/lmnt-com/haste /tmp/haste && git -C /tmp/haste checkout 440d57f
/tmp/golden/bin/python tests/golden/make_repositories.py /tmp/LEM /tmp/haste
"""

import importlib.util
import sys
import types
from functools import partial
from pathlib import Path

import torch
from torch_vectors import blocks, called, make
from vectors import N_A, N_X


def loaded(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lem(module, leaves, x, states):
    """The input's blocks d, s, m, n there and d, s, n, m here; each block has one bias here."""
    order = [0, 1, 3, 2]
    Wh = leaves["Wh"]
    own = {
        "inp2hid.weight": blocks(leaves["Wx"], order),
        "inp2hid.bias": blocks(leaves["b"], order),
        "hid2hid.weight": Wh[: 3 * N_A],
        "hid2hid.bias": torch.zeros(3 * N_A),
        "transform_z.weight": Wh[3 * N_A :],
        "transform_z.bias": torch.zeros(N_A),
    }
    h, z = called(module, own, x, *states)
    return h, [h, z]


def layernorm_lstm(script, leaves, x, states):
    """The blocks i, g, f, o there and i, f, o, g here."""
    order = [0, 3, 1, 2]
    Wx, Wh = (blocks(leaves[name], order).T for name in ("Wx", "Wh"))
    b, gx, gh = (blocks(leaves[name], order) for name in ("b", "gx", "gh"))
    last = leaves["gc"][:, 0], leaves["bc"][:, 0], None
    h, c = script(False, 0.0, x[None], *states, Wx, Wh, b, torch.stack([gx, gh]), *last)
    return h[1], [h[1], c[1]]


def haste(folder):
    """The plain path of haste's layer, without its kernels for a GPU."""
    for name in ("haste_pytorch_lib", "haste_pytorch", "haste_pytorch.base_rnn"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["haste_pytorch"].__path__ = []
    sys.modules["haste_pytorch.base_rnn"].BaseRNN = torch.nn.Module
    path = folder / "frameworks/pytorch/layer_norm_lstm.py"
    return loaded(path, "haste_pytorch.layer_norm_lstm").LayerNormLSTMScript


def main(lem_folder, haste_folder):
    write = partial(make, "make_repositories.py", "zoo", n_states=2)
    shapes = {"Wx": (4 * N_A, N_X), "Wh": (4 * N_A, N_A), "b": (4 * N_A, 1)}
    cell = loaded(Path(lem_folder) / "sMNIST/network.py", "network").LEMCell(N_X, N_A, 0.4)
    source = "tk-rusch/LEM at 1315eed, sMNIST/network.py"
    write("lem", source, partial(lem, cell), shapes, 31, {"dt": 0.4})
    more = {"gx": (4 * N_A, 1), "gh": (4 * N_A, 1), "gc": (N_A, 1), "bc": (N_A, 1)}
    cell = partial(layernorm_lstm, haste(Path(haste_folder)))
    source = "lmnt-com/haste at 440d57f, its path without a GPU"
    write("layernorm_lstm", source, cell, {**shapes, **more}, 32)


if __name__ == "__main__":
    main(*sys.argv[1:])
