"""The whole conformance suite of the gated cells and their kin, compiled forms included."""

from typing import ClassVar

from rnnx.testing import CellSuite
from rnnx_zoo.cornn import CoRNN
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.janet import JANET
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lem import LEM
from rnnx_zoo.lstm_1997 import LSTM1997
from rnnx_zoo.mgu import MGU
from rnnx_zoo.nbrc import NBRC
from rnnx_zoo.peephole_lstm import PeepholeLSTM
from rnnx_zoo.stack_rnn import StackRNN
from rnnx_zoo.ugrnn import UGRNN


class TestOneState(CellSuite):
    components: ClassVar = [MGU(), UGRNN(), JANET(), NBRC(), IndRNN()]


class TestTwoStates(CellSuite):
    components: ClassVar = [PeepholeLSTM(), LayerNormLSTM(), LSTM1997(), LEM(dt=0.5), CoRNN()]


class TestStackRNN(CellSuite):
    components: ClassVar = [StackRNN(depth=4)]
