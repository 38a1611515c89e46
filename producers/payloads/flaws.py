"""What is wrong with the values of a model, in one line for people."""

from pydantic import ValidationError


def told(error: ValidationError, *, whole: str = "payload") -> str:
    """Each flaw with the field that has it, or *whole* where all of it has; nothing is quoted."""
    return "; ".join(
        _told(".".join(map(str, each["loc"])) or whole, each["msg"])
        for each in error.errors(include_url=False, include_input=False)
    )


def _told(place: str, message: str) -> str:
    said = message.removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
