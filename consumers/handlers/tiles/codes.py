"""ecCodes, loaded in the one order in which it and pyproj live in one process.

The wheel of ecCodes brings a PROJ library of its own and puts its names before those of
any library loaded later. A pyproj that comes later then calls the wrong PROJ: it finds no
database, and the process dies on a double free when it ends. Loaded first, pyproj is bound
to its own PROJ for good. So ecCodes is imported from here and from nowhere else.
"""

# isort: off
import pyproj
import eccodes
# isort: on

__all__ = ["eccodes", "pyproj"]
