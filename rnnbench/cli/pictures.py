"""Coloured text as a web page or a drawing: written here, nothing in it runs or is fetched."""

import re
from collections.abc import Sequence
from html import escape

from rnnbench.cli.colour import Glyphs, runs
from rnnbench.runs.ramp import LEVELS, RAMP, ink, rgb
from rnnbench.visible import visible

_CELL, _LINE = 8.4, 18  # pixels: a cell's width at 14 pixels of most monospaced fonts, and a line's height
_NOT_XML = re.compile("[\ufffe\uffff]")
_FONT = "14px ui-monospace, Menlo, Consolas, 'Noto Sans Mono', monospace"
_POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"


def html(lines: Sequence[Sequence[Glyphs]], caption: str) -> bytes:
    """A page with a caption and the lines; runs of one level share an element."""
    levels = "".join(f".l{n}{{background:{_hex(RAMP[n])};color:{_hex(ink(n))}}}" for n in range(LEVELS))
    body = "\n".join("".join(f'<span class="l{g.level}">{_safe(g.text)}</span>' for g in runs(line)) for line in lines)
    page = (
        f'<!doctype html>\n<html><head><meta charset="utf-8">{_POLICY}<title>{_safe(caption)}</title>\n'
        f"<style>pre{{font:{_FONT};line-height:{_LINE}px}}{levels}</style></head>\n"
        f"<body><p>{_safe(caption)}</p>\n<pre>{body}</pre>\n</body></html>\n"
    )
    return page.encode("utf-8")


def svg(lines: Sequence[Sequence[Glyphs]], caption: str) -> bytes:
    """A drawing with a caption and the lines, each run of one level stretched to the cells it takes."""
    width = _CELL * max(max((sum(g.width for g in line) for line in lines), default=1), len(caption)) + _CELL
    height = _LINE * (len(lines) + 2)
    drawn = [f'<text x="0" y="{_LINE - 5}" fill="#767676">{_safe(caption)}</text>']
    for number, line in enumerate(lines, start=1):
        drawn.extend(_svg_line(line, number * _LINE))
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'style="font:{_FONT}" xml:space="preserve">\n' + "\n".join(drawn) + "\n</svg>\n"
    )
    return picture.encode("utf-8")


def _svg_line(line: Sequence[Glyphs], top: int) -> list[str]:
    drawn, left = [], 0.0
    for glyphs in runs(line):
        wide = glyphs.width * _CELL
        box = f'x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{_LINE}" fill="{_hex(RAMP[glyphs.level])}"'
        text = f'x="{left:.1f}" y="{top + _LINE - 5}" textLength="{wide:.1f}" fill="{_hex(ink(glyphs.level))}"'
        drawn.append(f"<rect {box}/><text {text}>{_safe(glyphs.text)}</text>")
        left += wide
    return drawn


def _safe(text: str) -> str:
    """Text that can drive neither a terminal nor a browser, nor break XML."""
    return escape(_NOT_XML.sub("\ufffd", visible(text)))


def _hex(colour: int) -> str:
    red, green, blue = rgb(colour)
    return f"#{red:02x}{green:02x}{blue:02x}"
