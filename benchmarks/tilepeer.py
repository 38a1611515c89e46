"""The same tiles by rio-tiler, run by an interpreter that has it: `tilerace` starts this.

Reads a description of a case from standard input, writes a GeoTIFF with overviews (COG),
draws every tile several times from the open file, and prints the times in milliseconds.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rio_tiler.io import Reader


def write_cog(values: Any, case: dict[str, Any], path: Path) -> None:
    """The grid as a cloud optimized GeoTIFF: tiled, compressed, with overviews of means."""
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": "float32",
        "crs": rasterio.crs.CRS.from_string(case["crs"]),
        "transform": rasterio.Affine(*case["transform"]),
        "nodata": float("nan"),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(values, 1)
        with memory.open() as file:
            copy(
                file,
                path,
                driver="COG",
                COMPRESS="DEFLATE",
                BLOCKSIZE=512,
                OVERVIEW_RESAMPLING="AVERAGE",
            )


def main() -> None:
    """Draw."""
    case = json.load(sys.stdin)
    colormap = {number: tuple(colour) for number, colour in enumerate(case["palette"])}
    low, high = case["range"]
    times_ms: list[float] = []
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.tif"
        write_cog(np.load(case["values"]), case, path)
        with Reader(str(path)) as source:
            for number in range(case["rounds"] + 1):
                for z, x, y in case["tiles"]:
                    started = time.perf_counter()
                    image = source.tile(x, y, z, resampling_method="bilinear")
                    image.rescale(in_range=((low, high),))
                    png = image.render(img_format="PNG", colormap=colormap)
                    if number:
                        times_ms.append(1000 * (time.perf_counter() - started))
                        size += len(png)
    json.dump({"times_ms": times_ms, "bytes": size / len(times_ms)}, sys.stdout)


if __name__ == "__main__":
    main()
