"""The element-wise part of a recurrent step, and its derivative, as the source of two Triton kernels.

A step of `leaves` products has one memory cell for each unit. The kernels of a module are

    forward(U, V, BIAS, C, MASK, H_NEXT, C_NEXT, FED, total, H, BLOCK)
    backward(U, V, BIAS, C, MASK, GRAD_OUTPUT, GRAD_FED, GRAD_C, GRAD_U, GRAD_V, total, H, BLOCK)

with U = W_ih x and V = W_hh h of all leaves [B, L H], BIAS [L H] or None, the state C [B, H] before the step, the
recurrent dropout MASK [B, H] or None, and total = B H. `forward` writes the state after the step, and what the next
step's product reads, h times the mask, to FED unless that is None. `backward` computes the step again; it reads the
gradients by the output (from the loss) and by what the next step's product reads, replaces the gradient of c after the
step by that of c before it, and writes the gradients of U (unless GRAD_U is None, where they equal those of V) and V.

All values are computed in float32, whatever the tensors hold. Two equal operands of "max" share its gradient, as in
torch.

Shapes: B sequences, H hidden units, L leaves.
"""

from collections.abc import Sequence

from netwright.architectures.recurrent import RecurrentCell

_HEADER = """
import triton
import triton.language as tl


@triton.jit
def read(POINTER, at, inside):
    return tl.load(POINTER + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def maximum(left, right):
    return tl.maximum(left, right, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def sigmoid(z):
    e = tl.exp(-tl.abs(z))
    return tl.where(z < 0, e, 1.0) / (1.0 + e)


@triton.jit
def tanh(z):
    e = tl.exp(-2.0 * tl.abs(z))
    size = (1.0 - e) / (1.0 + e)
    return tl.where(z < 0, -size, size)


@triton.jit
def share_of_left(left, right):
    return tl.where(left > right, 1.0, tl.where(left == right, 0.5, 0.0))

"""

_COMBINE = {"add": "{0} + {1}", "elem_mult": "{0} * {1}", "max": "maximum({0}, {1})"}
_ACTIVATE = {
    "identity": "{}",
    "tanh": "tanh({})",
    "sigmoid": "sigmoid({})",
    "relu": "maximum({}, 0.0)",
    "sin": "tl.sin({})",
}
# The gradient by z of a = activation(z), from the gradient by a.
_BACK = {
    "identity": "{grad}",
    "tanh": "{grad} * (1.0 - {a} * {a})",
    "sigmoid": "{grad} * {a} * (1.0 - {a})",
    "relu": "tl.where({a} > 0, {grad}, 0.0)",
    "sin": "{grad} * tl.cos({z})",
}
# The gradients by the two operands of a combination, from the gradient by its result.
_SIDES = {
    "add": ("{grad}", "{grad}"),
    "elem_mult": ("{grad} * {right}", "{grad} * {left}"),
    "max": ("{grad} * share_of_left({left}, {right})", "{grad} * (1.0 - share_of_left({left}, {right}))"),
}


def cell_source(cell: RecurrentCell) -> str:
    """Return the source of the kernels of `cell`; for node i, z_i is its combined inputs and a_i its output."""
    operands = [
        (f"u{index}", f"v{index}") if index < cell.base else tuple(f"a{child}" for child in cell.children(index))
        for index in range(len(cell.nodes))
    ]
    forward = []
    for index, node in enumerate(cell.nodes):
        activated = _ACTIVATE[node.activation].format(f"z{index}")
        forward.append(f"z{index} = {_COMBINE[node.combination].format(*operands[index])}")
        if index == cell.inject_index:
            forward += [
                f"before = {activated}",
                f"injected = {_COMBINE[cell.inject.combination].format('before', 'c')}",
            ]
            activated = _ACTIVATE[cell.inject.activation].format("injected")
        forward.append(f"a{index} = {activated}")
    root = len(cell.nodes) - 1
    forward += [f"h_next = a{root}", f"c_next = z{cell.read_index}"]

    backward = [f"by_a{root} = by_h"]
    for index in reversed(range(len(cell.nodes))):
        node, grad, a = cell.nodes[index], f"by_a{index}", f"a{index}"
        if index == cell.inject_index:
            backward.append("by_injected = " + _BACK[cell.inject.activation].format(grad=grad, a=a, z="injected"))
            backward += _by_operands(cell.inject.combination, "by_injected", ("before", "c"), ("by_before", "by_c"))
            grad, a = "by_before", "before"
        backward.append(f"by_z{index} = " + _BACK[node.activation].format(grad=grad, a=a, z=f"z{index}"))
        if index == cell.read_index:
            backward.append(f"by_z{index} = by_z{index} + by_c_next")
        backward += _by_operands(
            node.combination, f"by_z{index}", operands[index], tuple(f"by_{name}" for name in operands[index])
        )
    return _source(cell.base, forward, backward)


def _by_operands(combination: str, grad: str, operands: Sequence[str], targets: Sequence[str]) -> list[str]:
    left, right = operands
    return [
        f"{target} = {side.format(grad=grad, left=left, right=right)}"
        for target, side in zip(targets, _SIDES[combination], strict=True)
    ]


def lstm_source() -> str:
    """Return the source of the kernels of an LSTM without peepholes, whose leaves are the gates i, f, g and o."""
    forward = ["i = sigmoid(u0 + v0)", "f = sigmoid(u1 + v1)", "g = tanh(u2 + v2)", "o = sigmoid(u3 + v3)"]
    forward += ["c_next = f * c + i * g", "shown = tanh(c_next)", "h_next = o * shown"]
    backward = [
        "by_c_next = by_c_next + by_h * o * (1.0 - shown * shown)",
        "by_v0 = by_c_next * g * i * (1.0 - i)",
        "by_v1 = by_c_next * c * f * (1.0 - f)",
        "by_v2 = by_c_next * i * (1.0 - g * g)",
        "by_v3 = by_h * shown * o * (1.0 - o)",
        *(f"by_u{gate} = by_v{gate}" for gate in range(4)),
        "by_c = by_c_next * f",
    ]
    return _source(4, forward, backward)


def _source(leaves: int, forward: Sequence[str], backward: Sequence[str]) -> str:
    """Return the whole module, given what both kernels compute from u_i, v_i and c, and what only the second does."""
    load = [
        "index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "inside = index < total",
        "unit = index % H",
        f"at = (index // H) * ({leaves} * H) + unit",
        "c = read(C, index, inside)",
    ]
    for leaf in range(leaves):
        load += [f"{name}{leaf} = read({name.upper()}, at + {leaf} * H, inside)" for name in "uv"]
    load.append("if BIAS is not None:")
    load += [f"    v{leaf} += read(BIAS, unit + {leaf} * H, inside)" for leaf in range(leaves)]
    store = [
        "tl.store(H_NEXT + index, h_next, mask=inside)",
        "tl.store(C_NEXT + index, c_next, mask=inside)",
        "if FED is not None:",
        "    if MASK is not None:",
        "        h_next *= read(MASK, index, inside)",
        "    tl.store(FED + index, h_next, mask=inside)",
    ]
    gradients = [
        "by_h = read(GRAD_FED, index, inside)",
        "if MASK is not None:",
        "    by_h *= read(MASK, index, inside)",
        "by_h += read(GRAD_OUTPUT, index, inside)",
        "by_c_next = read(GRAD_C, index, inside)",
    ]
    store_gradients = ["tl.store(GRAD_C + index, by_c, mask=inside)"]
    store_gradients += [f"tl.store(GRAD_V + at + {leaf} * H, by_v{leaf}, mask=inside)" for leaf in range(leaves)]
    store_gradients.append("if GRAD_U is not None:")
    store_gradients += [f"    tl.store(GRAD_U + at + {leaf} * H, by_u{leaf}, mask=inside)" for leaf in range(leaves)]
    given = "U, V, BIAS, C, MASK"
    return _HEADER + "\n".join(
        (
            *_kernel("forward", f"{given}, H_NEXT, C_NEXT, FED", [*load, *forward, *store]),
            *_kernel(
                "backward",
                f"{given}, GRAD_OUTPUT, GRAD_FED, GRAD_C, GRAD_U, GRAD_V",
                [*load, *forward, *gradients, *backward, *store_gradients],
            ),
        )
    )


def _kernel(name: str, tensors: str, body: Sequence[str]) -> list[str]:
    signature = f"def {name}({tensors}, total, H, BLOCK: tl.constexpr):"
    return ["", "@triton.jit", signature, *(f"    {line}" for line in body), ""]
