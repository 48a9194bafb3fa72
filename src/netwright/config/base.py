"""What all groups of settings share, and the kinds of values that they hold."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError

from netwright.errors import ConfigError
from netwright.spaces.programs import Space
from netwright.spaces.references import reference, resolve, space_from_json, space_to_json

SpaceField = Annotated[
    Space,
    PlainValidator(lambda value: value if isinstance(value, Space) else space_from_json(value)),
    PlainSerializer(space_to_json),
]
FunctionField = Annotated[
    Callable[..., Any],
    PlainValidator(lambda value: value if callable(value) else resolve(value)),
    PlainSerializer(reference),
]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Value = TypeVar("Value")
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


class Settings(BaseModel):
    """What all groups of settings share."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The settings that `to_json` wrote; `ConfigError` names every setting that does not fit."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            raise ConfigError("; ".join(problems)) from None

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes equal settings."""
        document: dict[str, Any] = json.loads(self.model_dump_json())
        return document
