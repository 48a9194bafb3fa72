"""The HyperLSTM (Ha et al. 2016, arXiv 1609.09106, appendix A.2.2) as a `SequenceLayer`, a reference model."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State
from netwright.nn.lstm_step import LSTMStep


class HyperLSTMLayer(nn.Module):
    """An LSTM whose weights are scaled at every step by a smaller one; a `SequenceLayer` with state (h, c, h', c').

    The smaller LSTM, of P units, reads [x; h] and has the state (h', c'). For each of the four gates, with z the
    signals of S entries:

        z_h = V_h h' + v_h,  z_x = V_x h' + v_x,  z_b = V_b h'
        gate = (D_h z_h) * (W_h h) + (D_x z_x) * (W_x x) + D_b z_b + b

    and the gates make a step of an LSTM (`LSTMStep`). It has 4 H (I + H + 1) + 4 P (I + H + P + 1) + 12 S (P + H) + 8 S
    parameters, and 10 (H + P) more with `layer_norm`, which normalises gates and cell states of both LSTMs: with the
    softmax of 50 symbols exactly the 4,911,874 and 4,923,154 of the paper's table 3.

    Args:
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        hyper_units: P.
        signal_size: S.
        layer_norm: Whether to normalise.
    """

    KEEPS_INITIAL = ("signal", "scale", "shift")
    """Matrices whose initial values are part of the method."""

    def __init__(
        self, input_size: int, hidden_size: int, *, hyper_units: int, signal_size: int, layer_norm: bool
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.signal_size = input_size, hidden_size, signal_size
        self.main = LSTMStep(input_size, hidden_size, layer_norm=layer_norm)
        self.hyper = LSTMStep(input_size + hidden_size, hyper_units, layer_norm=layer_norm)
        # V_h and V_x of the four gates, then v; V_b; D_h and D_x; D_b.
        self.signal = nn.Parameter(torch.empty(8 * signal_size, hyper_units))
        self.signal_bias = nn.Parameter(torch.empty(8 * signal_size))
        self.shift_signal = nn.Parameter(torch.empty(4 * signal_size, hyper_units))
        self.scale = nn.Parameter(torch.empty(8, hidden_size, signal_size))
        self.shift = nn.Parameter(torch.empty(4, hidden_size, signal_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as the authors do: at the start all weights are scaled by 0.1 and nothing is added to biases."""
        self.main.reset_parameters()
        self.hyper.reset_parameters()
        nn.init.zeros_(self.signal)
        nn.init.ones_(self.signal_bias)
        nn.init.normal_(self.shift_signal, std=0.01)
        nn.init.constant_(self.scale, 0.1 / self.signal_size)
        nn.init.zeros_(self.shift)

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        batch_size = x_TBI.shape[1]
        main, hyper = (step.bias.new_zeros(batch_size, step.hidden_size) for step in (self.main, self.hyper))
        return main, main, hyper, hyper

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        h, c, hyper_h, hyper_c = state
        hyper_x, hyper_from_h = self.hyper.weight_ih.split([self.input_size, self.hidden_size], dim=1)
        outputs = []
        for from_x, hyper_from_x in zip(
            functional.linear(x_TBI, self.main.weight_ih).unbind(0),
            functional.linear(x_TBI, hyper_x, self.hyper.bias).unbind(0),
            strict=True,
        ):
            fed_back = h if recurrent_mask is None else h * recurrent_mask
            hyper_gates = functional.linear(fed_back, hyper_from_h) + functional.linear(hyper_h, self.hyper.weight_hh)
            hyper_h, hyper_c = self.hyper(hyper_from_x + hyper_gates, hyper_c)
            of_h, of_x = self._products(functional.linear(hyper_h, self.signal, self.signal_bias), self.scale).chunk(
                2, 1
            )
            added = self._products(functional.linear(hyper_h, self.shift_signal), self.shift) + self.main.bias
            gates = of_h * functional.linear(fed_back, self.main.weight_hh) + of_x * from_x + added
            h, c = self.main(gates, c)
            outputs.append(h)
        return torch.stack(outputs), (h, c, hyper_h, hyper_c)

    def _products(self, signals: Tensor, matrices: Tensor) -> Tensor:
        """Multiply each signal by its matrix, [K, H, S]: [B, K S] becomes [B, K H]."""
        return torch.einsum("bks,khs->bkh", signals.unflatten(1, (-1, self.signal_size)), matrices).flatten(1)
