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

from rnnx_notebook import cllm_utils, rnn_utils
from rnnx_notebook.cllm_utils import (
    get_initial_loss,
    initialize_parameters,
    print_sample,
    smooth,
    update_parameters,
)
from rnnx_notebook.language_model import clip, model, optimize, sample
from rnnx_notebook.lstm import (
    lstm_backward,
    lstm_cell_backward,
    lstm_cell_forward,
    lstm_forward,
)
from rnnx_notebook.rnn import rnn_backward, rnn_cell_backward, rnn_cell_forward, rnn_forward
from rnnx_notebook.rnn_utils import sigmoid, softmax

__all__ = [
    "clip",
    "cllm_utils",
    "get_initial_loss",
    "initialize_parameters",
    "lstm_backward",
    "lstm_cell_backward",
    "lstm_cell_forward",
    "lstm_forward",
    "model",
    "optimize",
    "print_sample",
    "rnn_backward",
    "rnn_cell_backward",
    "rnn_cell_forward",
    "rnn_forward",
    "rnn_utils",
    "sample",
    "sigmoid",
    "smooth",
    "softmax",
    "update_parameters",
]
