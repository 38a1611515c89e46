"""What is warmed when new data have come."""

import pytest

from producers.warming.pyramid import Pyramid
from producers.warming.rule import WarmRule, parse_rules


def test_a_rule_names_layers_styles_levels_and_an_area() -> None:
    rule = WarmRule.parse("*_WIND_10m:wind_speed,default,default:0-4:-25,34,45,72")

    assert rule.styles == ("wind_speed", "default")
    assert rule.pyramid == Pyramid.parse("0-4:-25,34,45,72")
    assert rule.wants("gfs_WIND_10m")
    assert not rule.wants("gfs_WIND_100m")


def test_a_name_without_a_star_is_one_layer() -> None:
    rule = WarmRule.parse("gfs_TMP_2m:temperature:5")

    assert rule.wants("gfs_TMP_2m")
    assert not rule.wants("gfs_TMP_2mb")
    assert not rule.wants("GFS_tmp_2m")


def test_rules_stand_beside_each_other() -> None:
    assert parse_rules(" a:b:1\n c:d:2 ") == (WarmRule.parse("a:b:1"), WarmRule.parse("c:d:2"))
    assert parse_rules("") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "written like gfs_TMP_2m:temperature:0-5"),
        ("gfs_TMP_2m", "written like"),
        ("gfs_TMP_2m:temperature", "written like"),
        ("gfs TMP:temperature:0", "written like"),
        ("gfs_TMP_2m::0", "written like"),
        ("gfs_TMP_2m:a,:0", "written like"),
        ("gfs_TMP_2m:a:x", "written like 0-5"),
        ("gfs_TMP_2m:a:0-5:1,2", "west,south,east,north"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        WarmRule.parse(text)
