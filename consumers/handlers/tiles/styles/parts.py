"""What the documents of all styles are made of."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from consumers.handlers.tiles.styles.transform import TRANSFORMS, Transform

_HEX = re.compile(r"#(?:[0-9a-fA-F]{2}){3,4}", re.ASCII)

#: The largest number that a style may hold: beyond it, float32 has no room for bands.
NUMBER_MAX = 1e30


class Part(BaseModel):
    """A piece of a style: frozen, and strict about the names of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _knows_every_field(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {
                name for each in cls.model_fields for name in (each, each.replace("our", "or"))
            }
            for name in data:
                if name not in known:
                    close = get_close_matches(str(name), cls.model_fields, n=1)
                    hint = f"did you mean '{close[0]}'?" if close else "there are "
                    listed = "" if close else ", ".join(cls.model_fields)
                    raise ValueError(f"unknown field '{str(name)[:40]}': {hint}{listed}")
        return data


def _colour(text: str) -> str:
    if _HEX.fullmatch(text) is None:
        raise ValueError(f"a colour is written #rrggbb or #rrggbbaa, got {text[:40]!r}")
    return text.lower()


def american(name: str) -> Any:
    """The field *name*, which may also be spelt `color`."""
    return Field(validation_alias=AliasChoices(name, name.replace("colour", "color")))


def _transform(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in TRANSFORMS:
        close = get_close_matches(value, TRANSFORMS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(TRANSFORMS)}"
        raise ValueError(f"there is no transform '{value[:40]}': {hint}")
    return TransformPart.of(TRANSFORMS[value])


Number = Annotated[float, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Colour = Annotated[str, AfterValidator(_colour)]
Text = Annotated[str, StringConstraints(max_length=200)]
Pixels = Annotated[float, Field(gt=0, le=64)]


class TransformPart(Part):
    """A unit that is `value * factor + offset`, or one of the named ones."""

    factor: Number = 1.0
    offset: Number = 0.0
    before: Number = 0.0
    units: Text = ""

    @model_validator(mode="after")
    def _goes_up(self) -> Self:
        if self.factor <= 0:
            raise ValueError(f"a transform needs a factor above 0, got {self.factor:g}")
        return self

    @classmethod
    def of(cls, transform: Transform) -> Self:
        """The part that says the same as *transform*."""
        return cls(
            factor=transform.factor,
            offset=transform.after,
            before=transform.before,
            units=transform.units,
        )

    @property
    def transform(self) -> Transform:
        """What it says, ready to compute with."""
        return Transform(self.factor, self.before, self.offset, self.units)


Units = Annotated[TransformPart, BeforeValidator(_transform)]


class Stop(Part):
    """The colour of a value; `[value, colour]` is short for it.

    *label* is what a legend writes instead of the value.
    """

    value: Number
    colour: Annotated[Colour, american("colour")]
    label: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _may_be_a_pair(cls, data: Any) -> Any:
        if isinstance(data, (list, tuple)):
            if len(data) != 2:  # noqa: PLR2004 - a value and a colour
                raise ValueError(f"a stop is [value, colour], got {len(data)} items")
            return {"value": data[0], "colour": data[1]}
        return data
