"""Coloured text: every character once and harmless, aligned digits, colours in order, pictures that are safe."""

import html
import re
from xml.etree import ElementTree  # noqa: ICN001

import pytest
from rich.cells import cell_len

from rnnbench.cli import colour, pictures
from rnnbench.cli.colour import Glyphs, Piece
from rnnbench.runs import ramp
from rnnbench.runs.ramp import LEVELS, RAMP, Scale

BITS = Scale(0.0, 1.0)
HOSTILE = "a\x1b[31m\x9b2J<b onclick='x'>&[bold]\u202eevil\ud800\ufffe\uffff\x00\r\t]]>"


def lay_out(pieces, width=40, scale=BITS, combine=ramp.add):
    return list(colour.lay_out([Piece(*piece) for piece in pieces], scale, width=width, combine=combine))


def shown(lines):
    """A text and the digits below it."""
    return "\n".join(row for line in lines for row in colour.with_digits(line))


def test_digits_stand_below_what_they_belong_to():
    """Wide characters take two columns, a word one digit under its first letter; line ends are seen and end lines."""
    lines = lay_out([("a", 0), ("汉", 3), ("b", 9.5), ("word", 2), ("c", 99), ("\n", 1), ("é", 4.9), ("ｆ", 5)])
    assert shown(lines) == "a汉bwordc↵\n03 92   91\néｆ\n45"


def test_lines_are_as_wide_as_they_may_be():
    """Never wider, also with wide characters at the edge, long words and several line ends in one token."""
    lines = lay_out([("汉" * 7, 1), ("abcdefghijk", 2), ("\n\n", 3), ("x", 4)], width=5)
    assert all(sum(glyphs.width for glyphs in line) <= 5 for line in lines)
    assert ["".join(glyphs.text for glyphs in line) for line in lines] == [
        "汉汉", "汉汉", "汉汉", "汉", "abcde", "fghij", "k↵", "↵", "x",
    ]  # fmt: skip
    assert all(glyphs.width == cell_len(glyphs.text) for line in lines for glyphs in line)


@pytest.mark.parametrize(("combine", "level"), [(ramp.add, 5), (ramp.later, 3)])
def test_what_has_no_cell_joins_what_stands_before(combine, level):
    """A combining mark and the later bytes of a character: surprisals add up, of activations the last one counts."""
    ((glyphs,),) = lay_out([("e", 2), ("\u0301", 0), ("", 3)], combine=combine)
    assert glyphs == Glyphs("e\u0301", 1, level)


def test_levels_of_a_scale():
    """Ten of them; beyond the ends the end; a scale over values spans them, and one value is no failure."""
    assert [BITS.level(value) for value in (-1, 0, 0.99, 1, 8.9, 9, 400)] == [0, 0, 0, 1, 8, 9, 9]
    spread = Scale.over([-1.0, 0.0, 1.0])
    assert [spread.level(value) for value in (-1, 0, 1)] == [0, 5, 9]
    assert Scale.over([2.0, 2.0]).level(2.0) == 0 and Scale.over([]).level(0.0) == 0


def test_each_level_is_lighter_than_the_one_before():
    """The order of the ramp does not rest on hue, and the letters on it keep a contrast of 4.5."""
    light = [ramp.luminance(code) for code in RAMP]
    assert light == sorted(set(light)) and len(light) == LEVELS
    for level, value in enumerate(light):
        other = ramp.luminance(ramp.ink(level))
        assert (max(value, other) + 0.05) / (min(value, other) + 0.05) >= 4.5
    assert [ramp.rgb(code) for code in (16, 231, 17, 67, 244)] == [
        (0, 0, 0), (255, 255, 255), (0, 0, 95), (95, 135, 175), (128, 128, 128),
    ]  # fmt: skip


def test_a_line_in_colours_is_its_text_and_nothing_else_that_drives():
    """Only our own colour sequences are in it; neighbours of one level share one; the colours end with the line."""
    (line,) = lay_out([(character, 1) for character in HOSTILE.replace("\n", "")], width=400)
    written = colour.coloured(line)
    assert written.count("\x1b") == 2 and written.endswith("\x1b[0m")
    bare = re.sub("\x1b\\[[0-9;]*m", "", written)
    assert bare == "".join(glyphs.text for glyphs in line)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", bare)
    assert "a␛[31m" in bare and "[bold]" in bare


def test_a_page_shows_hostile_text_and_runs_nothing():
    """No tag, entity or control of the text survives; what is read is the text's picture."""
    lines = lay_out([(HOSTILE, 4), ("\n", 1), ("好", 2)], width=200)
    page = pictures.html(lines, f"caption {HOSTILE}").decode("utf-8")
    assert "<b " not in page and "'x'" not in page and "&[" not in page and "default-src 'none'" in page
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe\uffff]", page)
    body = page.split("<pre>")[1].split("</pre>")[0]
    assert html.unescape(re.sub("<[^>]*>", "", body)).startswith("a␛[31m\\x9b2J<b onclick='x'>&[bold]\\u202eevil\ufffd")
    assert set(re.findall('class="l([0-9])"', body)) == {"4", "1", "2"}


def test_a_drawing_is_xml_and_has_every_text():
    """It parses, whatever the text holds; each run has its own box of the right width."""
    lines = lay_out([(HOSTILE, 4), ("\n", 1), ("好", 2), ("b", 2)], width=200)
    root = ElementTree.fromstring(pictures.svg(lines, HOSTILE))
    texts = [element.text for element in root if element.tag.endswith("text")]
    assert len(texts) == 1 + 3 and texts[1].startswith("a␛[31m") and texts[2:] == ["↵", "好b"]
    boxes = [element for element in root if element.tag.endswith("rect")]
    assert [float(box.get("width")) for box in boxes][1:] == pytest.approx([8.4, 3 * 8.4], abs=0.06)
    assert {child.tag.rsplit("}")[-1] for child in root} == {"text", "rect"}
