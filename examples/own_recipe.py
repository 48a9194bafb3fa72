"""A recipe of your own: `netwright search examples/own_recipe.py:triangles`.

Your space and your function get everything that the built-in recipes get: workers, a durable run, resume, show.
"""

import netwright as nw


@nw.space
def sides(largest: int = 20):
    """Three sides of a triangle."""
    triangle = []
    for _ in range(3):
        triangle.append((yield nw.Choice("side", tuple(range(1, largest + 1)))))
    return triangle


def area_per_circumference(triangle) -> float:
    a, b, c = sorted(triangle)
    half = (a + b + c) / 2
    return max(half * (half - a) * (half - b) * (half - c), 0.0) ** 0.5 / half


def triangles() -> nw.RunConfig:
    return nw.RunConfig(
        space=sides(),
        evaluate={"kind": "function", "function": area_per_circumference},
        strategy=nw.ReinforceSettings(learning_rate=0.02),
        num_trials=400,
        batch_size=16,
    )
