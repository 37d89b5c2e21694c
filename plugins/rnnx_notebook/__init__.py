"""The functions of the course notebook under its names, computed by rnnx's built-in components.

rnn_utils.py        softmax, sigmoid
rnn.py              the plain recurrent network
lstm.py             the LSTM
cllm_utils.py       the parts of the language model
language_model.py   clip, sample, optimize, model
shapes.py           checks of arguments

``from rnnx_notebook import rnn_utils, cllm_utils`` serves the notebook's own cells: there
``cllm_utils.rnn_forward(X, Y, a_prev, parameters)`` is the language model's, while
``rnnx_notebook.rnn_forward(x, a0, parameters)`` is the sequence's. Shapes are the notebook's:
x (n_x, m, T_x), a (n_a, m, T_x), weights (n_out, n_in), biases (n, 1).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnx_notebook import cllm_utils as cllm_utils
    from rnnx_notebook import rnn_utils as rnn_utils
    from rnnx_notebook.cllm_utils import get_initial_loss as get_initial_loss
    from rnnx_notebook.cllm_utils import initialize_parameters as initialize_parameters
    from rnnx_notebook.cllm_utils import print_sample as print_sample
    from rnnx_notebook.cllm_utils import smooth as smooth
    from rnnx_notebook.cllm_utils import update_parameters as update_parameters
    from rnnx_notebook.language_model import clip as clip
    from rnnx_notebook.language_model import model as model
    from rnnx_notebook.language_model import optimize as optimize
    from rnnx_notebook.language_model import sample as sample
    from rnnx_notebook.lstm import lstm_backward as lstm_backward
    from rnnx_notebook.lstm import lstm_cell_backward as lstm_cell_backward
    from rnnx_notebook.lstm import lstm_cell_forward as lstm_cell_forward
    from rnnx_notebook.lstm import lstm_forward as lstm_forward
    from rnnx_notebook.rnn import rnn_backward as rnn_backward
    from rnnx_notebook.rnn import rnn_cell_backward as rnn_cell_backward
    from rnnx_notebook.rnn import rnn_cell_forward as rnn_cell_forward
    from rnnx_notebook.rnn import rnn_forward as rnn_forward
    from rnnx_notebook.rnn_utils import sigmoid as sigmoid
    from rnnx_notebook.rnn_utils import softmax as softmax

# Every command loads this package for its components, which need none of these.
_HOME = {
    "clip": "language_model",
    "get_initial_loss": "cllm_utils",
    "initialize_parameters": "cllm_utils",
    "lstm_backward": "lstm",
    "lstm_cell_backward": "lstm",
    "lstm_cell_forward": "lstm",
    "lstm_forward": "lstm",
    "model": "language_model",
    "optimize": "language_model",
    "print_sample": "cllm_utils",
    "rnn_backward": "rnn",
    "rnn_cell_backward": "rnn",
    "rnn_cell_forward": "rnn",
    "rnn_forward": "rnn",
    "sample": "language_model",
    "sigmoid": "rnn_utils",
    "smooth": "cllm_utils",
    "softmax": "rnn_utils",
    "update_parameters": "cllm_utils",
}
_MODULES = ("cllm_utils", "rnn_utils")

__all__ = [*_HOME, *_MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rnnx_notebook.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'rnnx_notebook' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rnnx_notebook.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
