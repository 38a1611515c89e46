"""The styles that there are: those of the package, and those of a directory.

A style is a JSON file, and its name is the file's, without `.json`. A file of the directory
stands before one of the package with the same name. A file that is wrong takes nothing away
from the others: what is wrong with it is said when its style is asked for.

The version of a style is a digest of what it draws: of its document and of those that it is
composed of. It is part of the names in the cache, so that a changed style shows at once, and
a style that is only written differently (order, spaces, comments in `about`) does not lose
its tiles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from consumers.handlers.tiles.errors import StyleError, UnknownStyle
from consumers.handlers.tiles.styles.colouring import Colouring, ValueRange, colouring_of
from consumers.handlers.tiles.styles.document import (
    DOCUMENT,
    Coloured,
    Composite,
    Data,
    Document,
    Layer,
)
from consumers.handlers.tiles.styles.palettes import named_palette
from producers.payloads.fields.name import Name
from producers.payloads.flaws import told

#: A style's file is smaller than this, and a directory holds at most so many.
FILE_BYTES_MAX: Final = 64 * 1024
FILES_MAX: Final = 1000

#: Raised when the same document is drawn differently than before: tiles in caches are stale.
DRAWING_REVISION: Final = 1

#: Tables that are kept; a set has about 20 kB.
_TABLES_MAX: Final = 256

_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)

#: The values of `type`, those that people look for first in front.
_TYPES: Final = (
    "gradient",
    "discrete",
    "filled_contour",
    "contour",
    "wind_barbs",
    "wind_arrows",
    "data",
    "composite",
)


@dataclass(frozen=True, slots=True)
class Style:
    """A style that can be drawn. `version` changes when what it draws changes."""

    name: str
    version: str
    document: Document


class StyleLibrary:
    """All styles by name."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        """*sources* are the contents of the files by the names of the styles."""
        self._documents: dict[str, Document] = {}
        self._flaws: dict[str, str] = {}
        for name, source in sources.items():
            try:
                self._documents[name] = _document(name, source)
            except StyleError as error:
                self._flaws[name] = str(error)
        self._refuse_loose_composites()
        self._tables = lru_cache(maxsize=_TABLES_MAX)(self._make_tables)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the styles that can be drawn, sorted."""
        return tuple(sorted(self._documents))

    @property
    def coloured(self) -> tuple[str, ...]:
        """The names of those that give every value a colour."""
        return tuple(name for name in self.names if isinstance(self._documents[name], Coloured))

    @property
    def flaws(self) -> Mapping[str, str]:
        """What is wrong with the styles that cannot be drawn, by their names."""
        return self._flaws

    def find(self, name: str) -> Style:
        """The style *name*.

        Raises:
            UnknownStyle: there is none of that name.
            StyleError: its file is wrong; the message says what.
        """
        if name in self._flaws:
            raise StyleError(self._flaws[name])
        if name not in self._documents:
            raise UnknownStyle(name, self._documents)
        return Style(name, self._version(name), self._documents[name])

    def fitting(self, parameter: str) -> list[str]:
        """The styles that are made for *parameter*, a name of NCEP, plain colours first."""
        found = [name for name in self.names if parameter in self._documents[name].fits]
        return sorted(found, key=lambda name: (_TYPES.index(self._documents[name].type), name))

    def layers(self, name: str) -> tuple[Layer, ...]:
        """What the style *name* consists of, the lowest layer first: itself, if it is plain.

        Raises:
            UnknownStyle, StyleError: as for `find`.
        """
        document = self.find(name).document
        return document.layers if isinstance(document, Composite) else (Layer(style=name),)

    def related(self, name: str) -> frozenset[str]:
        """The layers that the style *name* draws beside the one asked for: `PRMSL_msl`."""
        return frozenset(each.layer for each in self.layers(name) if each.layer is not None)

    def colouring(self, name: str, value_range: ValueRange | None) -> Colouring:
        """The tables of the style *name*, which colours every value.

        *value_range* is the smallest and the largest value of the layer's run, None where it
        is unknown. Remembered, because tables take longer to make than a tile.

        Raises:
            UnknownStyle: there is none of that name.
            StyleError: its file is wrong, it draws lines or symbols, or it needs a range and
                there is none.
        """
        document = self.find(name).document
        if not isinstance(document, Coloured):
            raise StyleError(f"the style '{name}' ({document.type}) has no colours for values")
        return self._tables(name, value_range if document.is_relative else None)

    def _make_tables(self, name: str, value_range: ValueRange | None) -> Colouring:
        document = self._documents[name]
        assert isinstance(document, Coloured)  # noqa: S101 - see `colouring`
        try:
            return colouring_of(document, value_range)
        except StyleError as error:
            raise StyleError(f"the style '{name}': {error}") from None

    def _version(self, name: str) -> str:
        digest = blake2b(digest_size=6)
        for part in (name, *self._parts(name)):
            document = self._documents[part]
            digest.update(orjson.dumps([DRAWING_REVISION, _drawn(document)]))
            if isinstance(document, Coloured) and document.palette:
                digest.update(named_palette(document.palette).tobytes())
        return digest.hexdigest()

    def _parts(self, name: str) -> Iterator[str]:
        document = self._documents[name]
        if isinstance(document, Composite):
            yield from (layer.style for layer in document.layers)

    def _refuse_loose_composites(self) -> None:
        """Take out composites of what does not exist, or of composites."""
        for name in list(self._documents):
            for part in self._parts(name):
                if part not in self._documents:
                    known = get_close_matches(part, self._documents, n=1)
                    hint = f": did you mean '{known[0]}'?" if known else ""
                    problem = f"its layer '{part}' is no style that can be drawn{hint}"
                elif isinstance(self._documents[part], Composite):
                    problem = f"its layer '{part}' is a composite itself: name what it is made of"
                elif isinstance(self._documents[part], Data):
                    problem = f"its layer '{part}' holds numbers, which can only stand alone"
                else:
                    continue
                self._flaws[name] = f"the style '{name}' cannot be used: {problem}"
                break
        for name in self._flaws:
            self._documents.pop(name, None)


def open_library(directory: Path | None = None) -> StyleLibrary:
    """The styles of the package and those of *directory*.

    Raises:
        StyleError: the directory cannot be read, or holds more than `FILES_MAX` styles.
    """
    return StyleLibrary(built_in_sources() | (_sources(directory) if directory else {}))


@lru_cache(maxsize=1)
def built_in_sources() -> dict[str, bytes]:
    """The files of the package's styles, by name."""
    folder = files(__package__ or "") / "builtin"
    return {
        each.name.removesuffix(".json"): each.read_bytes()
        for each in folder.iterdir()
        if each.name.endswith(".json")
    }


def _sources(directory: Path) -> dict[str, bytes]:
    try:
        paths = sorted(directory.expanduser().glob("*.json"))
        if not paths and not directory.expanduser().is_dir():
            raise StyleError(f"the directory of styles {directory} does not exist")
        if len(paths) > FILES_MAX:
            raise StyleError(f"{directory} holds {len(paths)} styles, at most {FILES_MAX} are read")
        found: dict[str, bytes] = {}
        for path in paths:
            with path.open("rb") as file:
                found[path.stem] = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise StyleError(f"the styles in {directory} cannot be read: {error.strerror}") from error
    return found


def _document(name: str, source: bytes) -> Document:
    """What a file says.

    Raises:
        StyleError: it is no JSON, too large, or no style; the message names file and flaw.
    """
    try:
        _NAME.validate_python(name)
        return DOCUMENT.validate_python(_typed(source))
    except ValidationError as error:
        problem = told(error, whole="style")
        for each in _TYPES:
            problem = problem.replace(f"{each}.", "").replace(f"{each}: ", "")
    except orjson.JSONDecodeError as error:
        problem = f"it is no JSON: {error}"
    except ValueError as error:
        problem = str(error)
    raise StyleError(f"the style '{name[:96]}' cannot be used: {problem}")


def _typed(source: bytes) -> dict[str, Any]:
    """The JSON of a file, an object of a known type."""
    if len(source) > FILE_BYTES_MAX:
        raise ValueError(f"the file has more than {FILE_BYTES_MAX} bytes")
    raw: Any = orjson.loads(source)
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind not in _TYPES:
        close = get_close_matches(str(kind), _TYPES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(_TYPES)}"
        raise ValueError(f"the type {str(kind)[:40]!r} is unknown: {hint}")
    return dict(raw)


def _drawn(document: Document) -> dict[str, Any]:
    """The document without what is only said about it."""
    return document.model_dump(mode="json", exclude={"title", "about", "fits"})
