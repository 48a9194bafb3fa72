"""The identity of a run: the decisions of its space and the user's code, without which stored rewards mean nothing.

A run goes on only with the space and the code that made its trials. A change is refused with a diff, or accepted
knowingly: then the trials before it are marked, and they are not reused for the same architecture. If the space has
changed, the strategy learns all batches again under the new space, without the trials that it no longer builds.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.architectures.values import JsonObject, fingerprint_of_json
from netwright.config import RunConfig
from netwright.evaluation.factory import evaluation_of
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Space
from netwright.spaces.user_code import Code, changes, code_of, without_source

NUM_SAMPLES, MAX_OPTIONS_SEEN = 256, 1_000_000
"""A space's decisions are those met in so many seeded samples, or in fewer if they have more options in all."""
MAX_OPTIONS = 50
"""Of a longer list of options the first ones and a checksum of all are stored."""


@dataclass(frozen=True)
class Identity:
    """What must be the same when a run goes on; `decisions` maps a name to its options, or "subset"."""

    decisions: JsonObject
    code: Code

    @classmethod
    def of(cls, config: RunConfig) -> "Identity":
        """Return the identity of a run with these settings."""
        program, traits = config.space.program, config.space.traits
        functions = {"space": program, "state": traits.state, "evaluate": evaluation_of(config.evaluate).user_function}
        code = code_of({name: function for name, function in functions.items() if function is not None})
        return cls(decisions_of(config.space), code)

    @classmethod
    def from_json(cls, document: JsonObject) -> "Identity":
        """Return the identity that `to_json` wrote."""
        return cls(dict(document["decisions"]), {name: dict(part) for name, part in document["code"].items()})

    def to_json(self) -> JsonObject:
        """Return the document of a store."""
        return {"decisions": self.decisions, "code": self.code}

    @property
    def without_source(self) -> list[str]:
        """The parts of the code whose source is not known."""
        return without_source(self.code)

    def changes_since(self, before: "Identity") -> list[str]:
        """Describe, line by line, in what this identity differs from an earlier one; empty if in nothing."""
        lines = []
        for name in {**before.decisions, **self.decisions}:
            old, new = before.decisions.get(name), self.decisions.get(name)
            if old is None or new is None:
                lines.append(f"decision {name!r} is {'new' if old is None else 'gone'}")
            elif old != new:
                lines.append(f"decision {name!r}: {_described(old)} in the run, now {_described(new)}")
        return lines + changes(before.code, self.code)


def decisions_of(space: Space) -> JsonObject:
    """Return the decisions that seeded random samples of a space meet, with their options as JSON."""
    space, rng = space.at(0), random.Random(0)
    found: JsonObject = {}
    num_seen = 0
    for _ in range(NUM_SAMPLES):
        episode = sample(space, rng)
        for decision in episode.decisions:
            options = decision.options if isinstance(decision, Choice) else None
            if decision.name not in found:
                found[decision.name] = "subset" if options is None else _options(options)
            num_seen += len(options or (None,))
        if num_seen >= MAX_OPTIONS_SEEN:
            break
    return found


def _options(options: Sequence[object]) -> list[object]:
    listed: list[object] = [
        option if isinstance(option, str | int | float | bool | None) else repr(option) for option in options
    ]
    if len(listed) <= MAX_OPTIONS:
        return listed
    return [*listed[:MAX_OPTIONS], f"... {len(listed):,} options, {fingerprint_of_json(listed)}"]


def _described(options: object) -> str:
    return "a subset" if options == "subset" else f"options {options}"
