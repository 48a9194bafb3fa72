"""The kernels of a GPU, run by Triton's interpreter, equal the plain loops; and they compile without a card."""

import inspect
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from netwright.architectures.published import max_cell, nas_cell
from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.nn import tree, triton_steps
from netwright.nn.gpu_lstm import GpuLSTMLayer
from netwright.nn.lstm import LSTMLayer
from netwright.nn.tree import TreeLayer
from oracles.recurrent_cells import random_cell, reference_layer

triton = pytest.importorskip("triton", reason="triton has no wheels for this system")
TANH = CellNode("add", "tanh")


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels that are made during a test run in Triton's interpreter."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    clear()
    yield
    clear()


def clear() -> None:
    for cached in (triton_steps.cell_kernels, triton_steps.lstm_kernels, triton_steps._runs_on):
        cached.cache_clear()


@pytest.fixture
def by_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers take the kernels on the CPU, and nothing else."""
    monkeypatch.setattr(triton_steps, "can_run", lambda h: True)
    monkeypatch.delattr(tree, "_all_steps")


def gradients(results: tuple[Tensor, ...], leaves: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    total = torch.stack([(result * weight).sum() for result, weight in zip(results, weights, strict=True)]).sum()
    return list(torch.autograd.grad(total, leaves, materialize_grads=True))


@pytest.mark.usefixtures("by_kernels")
@pytest.mark.parametrize("seed", range(50))
def test_the_kernels_of_any_cell_equal_the_plain_loop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, with and without mask and bias, in one program of a kernel or in several."""
    monkeypatch.setattr(triton_steps, "BLOCK", 4 if seed % 3 else 128)
    generator = random.Random(seed)
    torch.manual_seed(seed)
    steps, batch, inputs, hidden = (generator.randint(1, 3) for _ in range(4))
    layer = TreeLayer(random_cell(generator), inputs, hidden, bias=seed % 2 == 0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x, h, c = torch.randn(steps, batch, inputs), *torch.randn(2, batch, hidden)
    mask = torch.randint(0, 2, (batch, hidden)) / 0.5 if seed % 4 < 2 else None
    leaves = [tensor.requires_grad_() for tensor in (x, h, c)] + list(layer.parameters())
    outputs, (last, memory) = layer(x, (h, c), mask)
    expected = reference_layer(layer, x, h, c, mask)
    weights = [torch.randn_like(result) for result in expected]
    torch.testing.assert_close((outputs, last, memory), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        gradients((outputs, last, memory), leaves, weights),
        gradients(expected, leaves, weights),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.usefixtures("by_kernels")
@pytest.mark.parametrize("seed", range(4))
def test_the_kernels_of_the_lstm_equal_its_loop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(seed)
    steps, batch, inputs, hidden = torch.randint(1, 5, (4,)).tolist()
    layer, plain = GpuLSTMLayer(inputs, hidden), LSTMLayer(inputs, hidden)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    plain.load_state_dict(layer.state_dict())
    x, h, c = torch.randn(steps, batch, inputs), *torch.randn(2, batch, hidden)
    for tensor in (x, h, c):
        tensor.requires_grad_()
    mask = torch.randint(0, 2, (batch, hidden)) / 0.5
    results = []
    for each in (plain, layer):
        outputs, (last, memory) = each(x, (h, c), mask)
        torch.manual_seed(seed)
        weights = [torch.randn_like(result) for result in (outputs, last, memory)]
        leaves = [x, h, c, *each.parameters()]
        results.append([outputs, last, memory, *gradients((outputs, last, memory), leaves, weights)])
        monkeypatch.setattr(LSTMLayer, "forward", None)  # the second layer must not use the loop
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("by_kernels")
def test_zoneout_keeps_the_loop() -> None:
    torch.manual_seed(0)
    layer, plain = GpuLSTMLayer(2, 3, (0.5, 0.1)), LSTMLayer(2, 3, (0.5, 0.1))
    plain.load_state_dict(layer.state_dict())
    x, mask = torch.randn(2, 4, 2), torch.ones(4, 3)
    assert torch.equal(layer(x, layer.initial_state(x), mask)[0], plain(x, plain.initial_state(x), mask)[0])


@pytest.mark.usefixtures("by_kernels")
def test_products_in_bfloat16_leave_states_and_gradients_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = TreeLayer(nas_cell(), 6, 5)
    x, mask = torch.randn(4, 3, 6, requires_grad=True), torch.randint(0, 2, (3, 5)) / 0.5
    state = layer.initial_state(x)
    leaves, weights = [x, *layer.parameters()], [torch.randn(4, 3, 5)]
    exact, _ = layer(x, state, mask)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, (h, c) = layer(x, state, mask)
    found = gradients((outputs,), leaves, weights)
    assert {tensor.dtype for tensor in (outputs, h, c, *found)} == {torch.float32}
    assert not torch.equal(outputs, exact)
    torch.testing.assert_close(outputs, exact, rtol=0, atol=0.02)
    for ours, right in zip(found, gradients((exact,), leaves, weights), strict=True):
        assert torch.linalg.norm(ours - right) < 0.05 * torch.linalg.norm(right)


@pytest.mark.usefixtures("by_kernels")
def test_the_gradient_of_the_last_memory_is_not_overwritten() -> None:
    layer, x = TreeLayer(nas_cell(), 2, 2), torch.randn(2, 1, 2)
    outputs, (_, c) = layer(x, layer.initial_state(x))
    grad_outputs, grad_c = torch.randn_like(outputs), torch.randn_like(c)
    kept = grad_outputs.clone(), grad_c.clone()
    torch.autograd.backward((outputs, c), (grad_outputs, grad_c))
    assert torch.equal(grad_outputs, kept[0])
    assert torch.equal(grad_c, kept[1])


@pytest.mark.usefixtures("by_kernels")
def test_equal_operands_of_max_share_the_gradient() -> None:
    node = CellNode("max", "identity")
    layer = TreeLayer(RecurrentCell((node, node, node), node, 0, 0), 1, 1)
    for weight in layer.parameters():
        torch.nn.init.ones_(weight)
    x, h, c = (torch.ones(1, 1, requires_grad=True) for _ in range(3))
    outputs, _ = layer(x[None], (h, c))
    expected, _, _ = reference_layer(layer, x[None], h, c, None)
    torch.testing.assert_close(torch.autograd.grad(outputs, (x, h, c)), torch.autograd.grad(expected, (x, h, c)))


@pytest.mark.usefixtures("by_kernels")
def test_large_sums_do_not_overflow() -> None:
    """The exponential of 1000 is infinite in float32."""
    layer = TreeLayer(RecurrentCell((TANH, CellNode("add", "sigmoid"), TANH), TANH, 0, 0), 1, 1)
    torch.nn.init.ones_(layer.weight_ih)
    x = torch.tensor([-1000.0, 1000.0]).view(1, 2, 1)
    _, (h, c) = layer(x, layer.initial_state(x))
    # Node 0 is tanh(tanh(x) + c) with c = 0, node 1 sigmoid(x), the root the tanh of their sum.
    expected = (torch.tensor([-1.0, 1.0]).tanh() + torch.tensor([0.0, 1.0])).tanh()
    torch.testing.assert_close(h, expected[:, None])
    torch.testing.assert_close(c, x[0])


def test_a_cpu_and_float64_keep_the_plain_function() -> None:
    assert not triton_steps.can_run(torch.zeros(1, 1))
    assert not triton_steps.can_run(torch.zeros(1, 1, dtype=torch.float64))


def test_where_triton_fails_one_warning_names_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert triton_steps._runs_on(torch.device("cpu"))
    triton_steps._runs_on.cache_clear()

    def no_compiler(source: str, *, gradients_differ: bool) -> None:
        raise RuntimeError("Failed to find C compiler.")

    monkeypatch.setattr(triton_steps, "_kernels", no_compiler)
    triton_steps.cell_kernels.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"slower operations: Failed to find C compiler"):
        assert not triton_steps._runs_on(torch.device("cpu"))
    assert not triton_steps._runs_on(torch.device("cpu"))  # a second warning would be an error


@pytest.mark.parametrize("capability", [80, 90])
def test_the_kernels_compile_for_a_card(capability: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The interpreter runs what the compiler might refuse."""
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for kernels in (triton_steps.cell_kernels(max_cell()), triton_steps.lstm_kernels()):
        compiled(kernels.forward, capability, "fp32", without=())
        compiled(kernels.backward, capability, "fp32", without=())
        compiled(kernels.forward, capability, "bf16", without=("BIAS", "MASK", "FED"))
        compiled(kernels.backward, capability, "bf16", without=("BIAS", "MASK", "GRAD_U"))
    # As torch's `maximum` and `relu`, "max" and "relu" hand NaN on, so that a diverged child is noticed.
    assert "max.NaN.f32" in compiled(triton_steps.cell_kernels(max_cell()).forward, capability, "fp32", without=())


def compiled(kernel: Any, capability: int, kind: str, without: tuple[str, ...]) -> str:
    """Compile `kernel` to machine code, with None in the place of the tensors `without`; return its assembly text."""
    from triton.backends.compiler import GPUTarget

    signature, constants = {}, dict.fromkeys(without) | {"BLOCK": 128}
    for name in inspect.signature(kernel.fn).parameters:
        signature[name] = "constexpr" if name in constants else "i32" if name in ("total", "H") else f"*{kind}"
    source = triton.compiler.ASTSource(fn=kernel, signature=signature, constexprs=constants)
    forms = triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm
    assert forms["cubin"]
    return str(forms["ptx"])
