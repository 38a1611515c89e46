"""The environment variables of one system: which are its own, and what is wrong with one."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Variables:
    """Variables by name, with the fields of the settings that they set.

    Names that begin with one of *prefixes* are the system's alone, so an unknown one of these
    is a mistake. No message repeats a value: it may be a secret.
    """

    fields: Mapping[str, str]
    prefixes: tuple[str, ...]

    def unknown(self, environment: Mapping[str, str]) -> str:
        """What is wrong with the first name that is a mistake; empty where none is."""
        for name in sorted(environment):
            if name.startswith(self.prefixes) and name not in self.fields:
                close = get_close_matches(name, self.fields, n=1)
                hint = f"did you mean {close[0]}?" if close else "it is not read by anything"
                return f"unknown setting {name}: {hint}"
        return ""

    def values(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Field to value; an empty value counts as none."""
        return {
            field: environment[name] for name, field in self.fields.items() if environment.get(name)
        }

    def explained(self, error: ValidationError) -> str:
        """One line for people who set variables, not fields."""
        names = {field: name for name, field in self.fields.items()}
        parts: list[str] = []
        for each in error.errors(include_input=False, include_url=False):
            name = names.get(str(each["loc"][0])) if each["loc"] else None
            message = each["msg"].removeprefix("Value error, ")
            parts.append(f"{name}: {message}" if name else message)
        return "; ".join(parts)
