"""Small spaces with everything that a controller has to cope with."""

from netwright.spaces.decisions import Choice, Subset
from netwright.spaces.programs import space


@space
def small():
    """Choices, a mask, a branch of its own length, and two Subsets in a row: 84 leaves."""
    first = yield Choice("size", (1, 3, 5))
    yield Subset("inputs", of=0)
    second = yield Choice("size", (1, 3, 5), allowed=(1, first) if first > 1 else (1,))
    inputs = [(yield Subset("inputs", of=1))]
    if first == 3:
        inputs.append((yield Choice("kind", ("a", "b"))))
    inputs.append((yield Subset("inputs", of=2)))
    other = yield Choice("kind", ("a", "b"))
    return {"sizes": [first, second], "inputs": inputs, "kind": other}


@space
def layers(num_layers=4):
    """As the paper's space, of any depth."""
    described = []
    for index in range(num_layers):
        size = yield Choice("size", (1, 3, 5, 7))
        inputs = yield Subset("inputs", of=index)
        described.append([size, list(inputs)])
        if index and (yield Choice("end", (False, True))):
            break
    return described
