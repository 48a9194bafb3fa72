"""Recurrent layers as values: the trees of the paper's section 3.4 and the reference models, without any tensor."""

from dataclasses import dataclass, field

from netwright.architectures.values import LATER, JsonObject, members_of, reading_json_of
from netwright.errors import SpaceError, unknown

LEGEND = (
    "add,tanh: a node, leaves first and the root last; inject add,tanh@8: so the old cell state is joined to "
    "node 8; read 12: the new one is what node 12 joins."
)
"""How to read the one-line notation of a `RecurrentCell`."""

COMBINATIONS = ("add", "elem_mult", "max")
"""How a node combines its two inputs; "max" belongs to the extra experiment of section 4.2."""
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "sin")
"""What a node applies to the combined inputs; "sin" belongs to the extra experiment too."""


@dataclass(frozen=True)
class CellNode:
    """One node: `activation`(`combination`(left, right))."""

    combination: str
    activation: str

    def __post_init__(self) -> None:
        if self.combination not in COMBINATIONS:
            raise SpaceError(unknown("combination", str(self.combination), COMBINATIONS))
        if self.activation not in ACTIVATIONS:
            raise SpaceError(unknown("activation", str(self.activation), ACTIVATIONS))

    def __str__(self) -> str:
        return f"{self.combination},{self.activation}"


@dataclass(frozen=True)
class RecurrentCell:
    """A cell of base B: nodes 0..B-1 are leaves, nodes B..2B-2 join two earlier ones each, the last one is the root.

    Leaf i combines W_i^x x_t and W_i^h h_{t-1}, each with a matrix of its own; internal nodes have no weights. With z_i
    the combined inputs of node i and a_i its output:

        a_i = activation_i(z_i)
        a_i = activation_inject(combination_inject(a_i, c_{t-1}))   at i = inject_index; the parent reads this value
        h_t = a_root,  c_t = z_i at i = read_index

    Paper: section 3.4, figure 5; the order of its tokens is that of the fields.
    """

    nodes: tuple[CellNode, ...]
    inject: CellNode
    read_index: int
    """The node whose value before its activation is the next cell state: the first cell index."""
    inject_index: int
    """The node that the previous cell state is injected at: the second cell index."""

    def __post_init__(self) -> None:
        count = len(self.nodes)
        if count < 3 or count % 2 == 0:
            raise SpaceError(f"a RecurrentCell of base B has 2 B - 1 nodes, base 2 or more; got {count} nodes")
        for name in ("read_index", "inject_index"):
            index = getattr(self, name)
            if type(index) is not int or not 0 <= index < count:
                raise SpaceError(f"{name} is the index of a node, 0..{count - 1}; got {index!r}")

    @property
    def base(self) -> int:
        """The number of leaves."""
        return (len(self.nodes) + 1) // 2

    def children(self, index: int) -> tuple[int, int]:
        """Return the two nodes that the internal node `index` reads: 8 = (0, 1), 9 = (2, 3), ... at base 8."""
        left = 2 * (index - self.base)
        return left, left + 1

    def __str__(self) -> str:
        nodes = " ".join(map(str, self.nodes))
        return f"{nodes} inject {self.inject}@{self.inject_index} read {self.read_index}"


@dataclass(frozen=True)
class Lstm:
    """The LSTM of Zaremba et al. 2014 (arXiv 1409.2329): four gates with a bias each, no peepholes.

    With zoneout (Krueger et al. 2016, arXiv 1606.01305), a unit of h or of c keeps its earlier value in a step with the
    given probability; in evaluation it is the expectation of both.
    """

    zoneout_state: float = field(default=0.0, metadata={LATER: True})
    """Probability of keeping a unit of h."""
    zoneout_cell: float = field(default=0.0, metadata={LATER: True})
    """Probability of keeping a unit of c."""

    def __post_init__(self) -> None:
        for name in ("zoneout_state", "zoneout_cell"):
            rate = getattr(self, name)
            if type(rate) not in (int, float) or not 0 <= rate < 1:
                raise SpaceError(f"{name} is a probability from 0 to 1, not 1; got {rate!r}")

    @property
    def zones_out(self) -> bool:
        """Whether any unit is ever kept."""
        return self.zoneout_state > 0 or self.zoneout_cell > 0

    def __str__(self) -> str:
        return f"LSTM, zoneout {self.zoneout_state:g} of h and {self.zoneout_cell:g} of c" if self.zones_out else "LSTM"


@dataclass(frozen=True)
class Elman:
    """The recurrent network of Elman 1990 with sigmoid units, as Mikolov et al. 2010 use it in language models."""

    def __str__(self) -> str:
        return "Elman RNN"


@dataclass(frozen=True)
class DeepTransition:
    """The DOT(S)-RNN of Pascanu et al. 2013 (arXiv 1312.6026): a deep transition with a shortcut, and a deep output."""

    def __str__(self) -> str:
        return "DOT(S)-RNN"


@dataclass(frozen=True)
class RecurrentHighway:
    """The recurrent highway network of Zilly et al. 2016 (arXiv 1607.03474): `depth` highway layers in each step."""

    depth: int = 10
    coupled: bool = field(default=True, metadata={LATER: True})
    """Whether the carry gate is 1 minus the transform gate; False gives it weights of its own."""

    def __post_init__(self) -> None:
        if type(self.depth) is not int or self.depth < 1:
            raise SpaceError(f"a RecurrentHighway has a depth of 1 or more; got {self.depth!r}")
        if type(self.coupled) is not bool:
            raise SpaceError(f"coupled of a RecurrentHighway is true or false; got {self.coupled!r}")

    def __str__(self) -> str:
        return f"RHN of depth {self.depth}" + ("" if self.coupled else ", carry gate of its own")


@dataclass(frozen=True)
class LayerNormLstm:
    """The LSTM with layer normalisation of every gate and of the cell state (Ba et al. 2016, arXiv 1607.06450)."""

    def __str__(self) -> str:
        return "layer-normalised LSTM"


@dataclass(frozen=True)
class HyperLstm:
    """The HyperLSTM of Ha et al. 2016 (arXiv 1609.09106): a smaller LSTM scales the weights of an LSTM at each step."""

    hyper_units: int = 128
    """Units of the smaller LSTM."""
    signal_size: int = 4
    """Entries of each of its signals to the larger one."""
    layer_norm: bool = False
    """Whether both are layer-normalised."""

    def __post_init__(self) -> None:
        for name in ("hyper_units", "signal_size"):
            if type(value := getattr(self, name)) is not int or not 1 <= value < 100_000:
                raise SpaceError(f"{name} of a HyperLstm is 1 or more; got {value!r}")
        if type(self.layer_norm) is not bool:
            raise SpaceError(f"layer_norm of a HyperLstm is true or false; got {self.layer_norm!r}")

    def __str__(self) -> str:
        name = "layer-normalised HyperLSTM" if self.layer_norm else "HyperLSTM"
        return f"{name} with {self.hyper_units} units and signals of {self.signal_size}"


RecurrentArchitecture = RecurrentCell | Lstm | RecurrentHighway | Elman | DeepTransition | LayerNormLstm | HyperLstm
"""A cell of the space, or one of the reference models that the paper compares its cells with."""


def recurrent_cell_from_json(document: JsonObject) -> RecurrentCell:
    """Read the cell that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("RecurrentCell"):
        nodes = tuple(CellNode(**members_of(entry)) for entry in document["nodes"])
        inject = CellNode(**members_of(document["inject"]))
        return RecurrentCell(nodes, inject, document["read_index"], document["inject_index"])


def lstm_from_json(document: JsonObject) -> Lstm:
    """Read the LSTM that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("Lstm"):
        return Lstm(**members_of(document))


def recurrent_highway_from_json(document: JsonObject) -> RecurrentHighway:
    """Read the network that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("RecurrentHighway"):
        return RecurrentHighway(document["depth"], document.get("coupled", True))


def elman_from_json(document: JsonObject) -> Elman:
    """Read the network that `to_json` wrote; it has no members."""
    return Elman()


def deep_transition_from_json(document: JsonObject) -> DeepTransition:
    """Read the network that `to_json` wrote; it has no members."""
    return DeepTransition()


def layer_norm_lstm_from_json(document: JsonObject) -> LayerNormLstm:
    """Read the LSTM that `to_json` wrote; it has no members."""
    return LayerNormLstm()


def hyper_lstm_from_json(document: JsonObject) -> HyperLstm:
    """Read the network that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("HyperLstm"):
        return HyperLstm(document["hyper_units"], document["signal_size"], document["layer_norm"])
