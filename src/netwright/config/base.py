"""The base class of all groups of settings, and the types of values that several of them use."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError

from netwright.architectures.values import JsonObject
from netwright.config.space_parameters import checked
from netwright.errors import ConfigError
from netwright.spaces.programs import Space
from netwright.spaces.references import reference, resolve, space_from_json, space_to_json
from netwright.trials import LARGEST_REWARD

SpaceField = Annotated[
    Space,
    PlainValidator(lambda value: checked(value if isinstance(value, Space) else space_from_json(value))),
    PlainSerializer(space_to_json),
]
FunctionField = Annotated[
    Callable[..., float],
    PlainValidator(lambda value: value if callable(value) else resolve(value)),
    PlainSerializer(reference),
]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Reward = Annotated[float, Field(ge=-LARGEST_REWARD, le=LARGEST_REWARD)]
Count = Annotated[int, Field(gt=0, le=100_000)]
"""A number of things that are in memory together, or done in a row."""
Units = Annotated[int, Field(gt=0, le=4096)]
Layers = Annotated[int, Field(gt=0, le=64)]
"""Sizes of a controller, which is copied for every batch in flight."""
Share = Annotated[float, Field(gt=0, lt=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Value = TypeVar("Value")
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


class Settings(BaseModel):
    """Base class of all groups of settings: frozen, unknown names are refused, to JSON and back."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """Make the settings from JSON values, or from Python values of the fields.

        Raises:
            ConfigError: Lists every setting that is unknown, missing or invalid.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            raise ConfigError("; ".join(problems)) from None

    def to_json(self) -> JsonObject:
        """Return JSON values from which `from_json` makes equal settings."""
        document: JsonObject = json.loads(self.model_dump_json())
        return document
