import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.tiles.dataerrors import ShardError
from consumers.handlers.tiles.grid import Window
from consumers.handlers.tiles.shards import ShardLayout, decode_shard, encode_shard, shard_name

Float32s = npt.NDArray[np.float32]


@st.composite
def layouts(draw: st.DrawFn) -> ShardLayout:
    rows, cols = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return ShardLayout(rows, cols, draw(st.integers(1, rows)), draw(st.integers(1, cols)))


@st.composite
def windows(draw: st.DrawFn) -> tuple[ShardLayout, Window]:
    """Any window of any layout; columns may run around the earth, even twice."""
    layout = draw(layouts())
    row0, col0 = draw(st.integers(0, layout.rows - 1)), draw(st.integers(0, layout.cols - 1))
    row1 = draw(st.integers(row0 + 1, layout.rows))
    return layout, Window(row0, row1, col0, draw(st.integers(col0 + 1, col0 + 2 * layout.cols)))


def values_of(layout: ShardLayout) -> Float32s:
    return np.arange(layout.rows * layout.cols, dtype=np.float32).reshape(layout.rows, -1)


def cut(values: Float32s, box: Window) -> Float32s:
    return values[box.row0 : box.row1, box.col0 : box.col1]


def stored(layout: ShardLayout, values: Float32s, index: int) -> Float32s:
    box = layout.box(index)
    return decode_shard("shard", encode_shard(cut(values, box), box), box)


@given(windows())
def test_a_window_put_together_from_shards_is_the_window_of_the_grid(
    case: tuple[ShardLayout, Window],
) -> None:
    layout, window = case
    values = values_of(layout)

    shards = {each: stored(layout, values, each) for each in layout.intersecting(window)}

    columns = np.arange(window.col0, window.col1) % layout.cols
    expected = values[window.row0 : window.row1][:, columns]
    np.testing.assert_array_equal(layout.assemble(window, shards), expected)


@given(windows())
def test_only_shards_with_cells_of_the_window_are_read(case: tuple[ShardLayout, Window]) -> None:
    layout, window = case
    columns = set(np.arange(window.col0, window.col1) % layout.cols)

    found = layout.intersecting(window)

    needed = [
        index
        for index in range(layout.count)
        if (box := layout.box(index)).row0 < window.row1
        and box.row1 > window.row0
        and columns & set(range(box.col0, box.col1))
    ]
    assert list(found) == needed


@given(layouts())
def test_shards_cover_every_cell_exactly_once(layout: ShardLayout) -> None:
    hits = np.zeros((layout.rows, layout.cols), dtype=int)

    for index in range(layout.count):
        box = layout.box(index)
        hits[box.row0 : box.row1, box.col0 : box.col1] += 1

    assert (hits == 1).all()


def test_a_window_inside_one_shard_is_not_copied() -> None:
    layout = ShardLayout(20, 20, 10, 10)
    shard = stored(layout, values_of(layout), 3)

    window = layout.assemble(Window(12, 18, 11, 19), {3: shard})

    assert np.shares_memory(window, shard)


def test_a_small_grid_is_one_shard_whatever_its_shape() -> None:
    assert ShardLayout.of(361, 720).count == 1
    assert ShardLayout.of(2, 65_536).count == 1


def test_a_large_grid_is_cut_into_blocks_of_512_cells() -> None:
    layout = ShardLayout.of(3500, 7000)

    assert layout.count == 7 * 14
    assert layout.box(0) == Window(0, 512, 0, 512)
    assert layout.box(layout.count - 1) == Window(3072, 3500, 6656, 7000)


def test_missing_values_survive_storage() -> None:
    values = np.array([[1, np.nan], [np.inf, -0.0]], dtype=np.float32)
    box = Window(0, 2, 0, 2)

    np.testing.assert_array_equal(decode_shard("s", encode_shard(values, box), box), values)


def test_the_file_is_what_the_documentation_says() -> None:
    box = Window(512, 514, 1024, 1027)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)

    data = encode_shard(values, box)

    body = struct.pack("<6f", *range(6))
    header = struct.pack("<4sHHIIIIII", b"MSHD", 1, 1, 512, 1024, 2, 3, zlib.crc32(body), 0)
    assert data == header + body


def test_shards_are_numbered_in_their_names() -> None:
    assert shard_name("gfs/run/TMP_2m/x", 7) == "gfs/run/TMP_2m/x_shard_0007.bin"


BOX = Window(0, 4, 0, 4)
WHOLE = encode_shard(np.ones((4, 4), dtype=np.float32), BOX)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it has 0 bytes"),
        (WHOLE[:20], "it has 20 bytes"),
        (WHOLE[:-5], "it has 59 bytes of values, 64 were expected"),
        (WHOLE + b"x", "it has 65 bytes of values"),
        (b"PNG!" + WHOLE[4:], "starts with b'PNG!'"),
        (WHOLE[:4] + b"\x02\x00" + WHOLE[6:], "layout 2"),
        (WHOLE[:6] + b"\x09\x00" + WHOLE[8:], "value type 9"),
        (WHOLE[:-1] + b"x", "checksum"),
        (encode_shard(np.ones((4, 4), dtype=np.float32), Window(4, 8, 0, 4)), "rows 4..7"),
    ],
)
def test_what_is_no_whole_shard_is_refused_by_name(data: bytes, problem: str) -> None:
    with pytest.raises(ShardError, match="the shard 'a_shard_0000") as caught:
        decode_shard("a_shard_0000.bin", data, BOX)

    assert problem in str(caught.value)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(position: int, change: int) -> None:
    """Except in the four bytes that mean nothing."""
    damaged = bytearray(WHOLE)
    damaged[position] ^= change

    if 28 <= position < 32:
        decode_shard("s", bytes(damaged), BOX)
    else:
        with pytest.raises(ShardError):
            decode_shard("s", bytes(damaged), BOX)


def test_values_of_another_shape_are_not_stored() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        encode_shard(np.ones((3, 4), dtype=np.float32), BOX)
