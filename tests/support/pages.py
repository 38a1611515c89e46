"""The examples of a page."""

import re


def blocks(page: str, language: str) -> list[str]:
    """The code of each fenced block of *language*, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
