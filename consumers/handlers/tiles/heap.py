"""Keeps what the drawing of a tile borrows from the system until the next tile.

A tile needs a dozen arrays of a few hundred kB for a moment each. By default glibc gives such
blocks back at once and asks for them again, and the system clears every page that it hands
out: that takes up to five times the time of the drawing itself.
"""

import ctypes
from typing import Final

#: Blocks below this are taken from the heap, which is kept: all that one strip of a picture
#: needs, and no shard of full size, which would leave holes in the heap when it goes.
FROM_HEAP_BYTES: Final = 1024 * 1024

#: How much unused memory at the end of a heap is kept.
KEPT_BYTES: Final = 16 * 1024 * 1024

#: Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

#: Heaps of the process. Every thread would get its own, and keep what it once needed.
HEAPS_MAX: Final = 2


def keep_heap() -> bool:
    """Tell the allocator of this process; False where it is not glibc's and nothing is done."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = {
        _M_MMAP_THRESHOLD: FROM_HEAP_BYTES,
        _M_TRIM_THRESHOLD: KEPT_BYTES,
        _M_ARENA_MAX: HEAPS_MAX,
    }
    return all(mallopt(name, value) for name, value in wanted.items())
