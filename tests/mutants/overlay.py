"""A mutant in the place of its script, in this process only."""

from streams.scripts import loader
from tests.mutants.mutate import SCRIPTS


def put_in_place(name: str, text: str) -> None:
    """Let every transition that consists of `<name>.lua` use *text* instead.

    The modules of `streams` hold their scripts since they were imported, so these objects
    are changed; there is no way back but the end of the process.
    """
    for path in SCRIPTS.glob("[a-z]*.lua"):
        script = loader.load(path.stem)
        original = (SCRIPTS / f"{name}.lua").read_text()
        if original in script.text:
            object.__setattr__(script, "text", script.text.replace(original, text))
