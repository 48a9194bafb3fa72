"""Recurrent layers as torch modules, usable without a search, called like `torch.nn.LSTM` and `torch.nn.LSTMCell`.

layers = netwright.nn.NAS(input_size=100, hidden_size=200, num_layers=2)
output, (h_n, c_n) = layers(torch.randn(35, 20, 100))     # [steps, batch, inputs]
"""

from netwright.nn.elman import DeepTransitionLayer as DeepTransitionLayer
from netwright.nn.elman import ElmanLayer as ElmanLayer
from netwright.nn.highway import HighwayLayer as HighwayLayer
from netwright.nn.interface import SequenceLayer as SequenceLayer
from netwright.nn.lstm import LSTMLayer as LSTMLayer
from netwright.nn.modules import NAS as NAS
from netwright.nn.modules import NASCell as NASCell
from netwright.nn.modules import NASMax as NASMax
from netwright.nn.modules import NASMaxCell as NASMaxCell
from netwright.nn.modules import Recurrent as Recurrent
from netwright.nn.modules import RecurrentStep as RecurrentStep
from netwright.nn.tree import TreeLayer as TreeLayer
