import sys
from pathlib import Path

import pytest

from consumers.errors import MissingExtraError
from consumers.handlers.tiles.dataerrors import GribError
from consumers.handlers.tiles.sources import open_source


@pytest.mark.parametrize("magic", [b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n"])
def test_a_missing_extra_says_what_to_install(
    magic: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "consumers.handlers.tiles.netcdf", raising=False)
    monkeypatch.setitem(sys.modules, "xarray", None)
    (tmp_path / "gfs.nc").write_bytes(magic)

    with pytest.raises(MissingExtraError, match=r'pip install "millstream\[xarray\]"'):
        open_source(tmp_path / "gfs.nc")


def test_what_is_of_no_known_form_is_no_grib(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"CDF, as told")

    with pytest.raises(GribError, match="GRIB"):
        open_source(tmp_path / "notes.txt")
