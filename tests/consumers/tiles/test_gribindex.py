"""Indexes as NOAA publishes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.handlers.tiles.dataerrors import FetchError
from consumers.handlers.tiles.gribindex import Message, Wish, parse_index, wanted_spans

INDEX = """\
1:0:d=2026112806:PRMSL:mean sea level:3 hour fcst:
2:1000:d=2026112806:TMP:2 m above ground:3 hour fcst:
3:1800:d=2026112806:TMP:500 mb:3 hour fcst:
4.1:2500:d=2026112806:UGRD:10 m above ground:3 hour fcst:
4.2:2500:d=2026112806:VGRD:10 m above ground:3 hour fcst:
5:4000:d=2026112806:TSOIL:0-0.1 m below ground:3 hour fcst:
6:4500:d=2026112806:REFC:entire atmosphere (considered as a single layer):3 hour fcst:
7:5000:d=2026112806:HLCY:3000-0 m above ground:3 hour fcst:
8:5600:d=2026112806:APCP:surface:0-3 hour acc fcst:
9:6000:d=2026112806:TMP:low cloud top level:3 hour fcst:
"""


def spans(*wishes: str) -> list[tuple[int, int | None]]:
    return wanted_spans(parse_index(INDEX), [Wish.parse(each) for each in wishes])


def test_parameters_and_levels_have_the_names_of_layers() -> None:
    assert [f"{each.parameter}_{each.level}" for each in parse_index(INDEX)] == [
        "PRMSL_msl",
        "TMP_2m",
        "TMP_500mb",
        "UGRD_10m",
        "VGRD_10m",
        "TSOIL_0-10cm",
        "REFC_atmosphere",
        "HLCY_0-3000m",
        "APCP_surface",
        "TMP_low-cloud-top-level",
    ]


def test_a_message_ends_before_the_next_one_and_fields_may_share_one() -> None:
    messages = parse_index(INDEX)

    assert messages[1] == Message(1000, 1799, "TMP", "2m")
    assert messages[3][:2] == messages[4][:2] == (2500, 3999)
    assert messages[-1].last is None


def test_messages_side_by_side_are_one_span() -> None:
    assert spans("TMP:2m") == [(1000, 1799)]
    assert spans("UGRD:10m", "VGRD:10m") == [(2500, 3999)]
    assert spans("VGRD:10m", "TMP:2m", "TMP:500mb") == [(1000, 3999)]
    assert spans("TMP:*") == [(1000, 2499), (6000, None)]
    assert spans("*:*") == [(0, None)]


def test_what_is_not_there_says_what_is() -> None:
    with pytest.raises(FetchError, match="no TMP:3m: TMP is there at 2m, 500mb, low-cloud-top"):
        spans("TMP:2m", "TMP:3m")
    with pytest.raises(FetchError, match="no ABC:2m: no level of it is there"):
        spans("ABC:2m")


@pytest.mark.parametrize(
    "index",
    ["", "<html>not found</html>", "1:x:d=1:TMP:surface:anl:", INDEX + INDEX],
    ids=["empty", "page", "no number", "twice"],
)
def test_what_is_no_index_is_refused(index: str) -> None:
    with pytest.raises(FetchError, match=r"of the index is|names no messages"):
        parse_index(index)


@pytest.mark.parametrize("text", ["TMP", "TMP:", ":2m", "TMP:2m:3", ""])
def test_what_is_no_wish_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected such as TMP:2m"):
        Wish.parse(text)


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
    st.data(),
)
def test_spans_hold_the_wanted_messages_and_nothing_else(
    lengths: list[int], data: st.DataObject
) -> None:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    index = "".join(f"{n}:{start}:d=1:P{n}:surface:anl:\n" for n, start in enumerate(starts))
    chosen = data.draw(st.sets(st.sampled_from(range(len(lengths))), min_size=1))

    found = wanted_spans(parse_index(index), [Wish(f"P{n}", "surface") for n in chosen])

    whole = range(sum(lengths))
    covered = [
        byte for first, last in found for byte in whole[first : None if last is None else last + 1]
    ]
    expected = [byte for n in sorted(chosen) for byte in range(starts[n], starts[n] + lengths[n])]
    assert covered == expected
