"""The files of the map page: our own, and the Leaflet that NiceGUI carries.

Of NiceGUI only its copy of Leaflet is served; the package is found, not imported.
`ui.leaflet` would draw the same map, but it loads up to 9 MB of scripts for it, holds a
web socket and state for every visitor, and takes three seconds to import.
"""

from importlib.util import find_spec
from pathlib import Path

from producers.gateway.errors import AssetsMissing

#: Where the page, its style and its script lie.
WEB_DIR = Path(__file__).with_name("web")

#: Leaflet inside NiceGUI 3: a module that exports `leaflet`, and its style sheet.
_LEAFLET = Path("elements", "leaflet", "dist")
_NEEDED = (Path("index.js"), Path("leaflet", "leaflet.css"))


def leaflet_dir() -> Path:
    """The directory of Leaflet's files.

    Raises:
        AssetsMissing: NiceGUI is not installed, or a version that keeps them elsewhere.
    """
    spec = find_spec("nicegui")
    for folder in (spec and spec.submodule_search_locations) or ():
        directory = Path(folder) / _LEAFLET
        if all((directory / name).is_file() for name in _NEEDED):
            return directory
    found = "its Leaflet is not where version 3 keeps it" if spec else "it is not installed"
    raise AssetsMissing(
        f"the map page takes Leaflet from the package 'nicegui', and {found}: "
        'pip install "millstream[dashboard]"'
    )
