"""One gate for untrusted text: nothing a file contains may drive the terminal."""

import re

LINE_END = "↵"  # where a text stands in one line: more fonts draw it than the control picture
_C0_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_C1_ESCAPES = {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
# Explicit directional formatting can make a line read other than it is; each is shown by its code point.
_BIDI = {code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_LINE_SEPARATORS = {0x2028: "\\u2028", 0x2029: "\\u2029"}
# Terminals disagree about the cells of what these join or make wide: a row would be longer than its widget. Without
# them an emoji of several people is a row of people, and each picture has the width it has alone.
_JOINERS = {0x200D: "\\u200d", 0xFE0F: ""}
_TABLE: dict[int, int | str] = {**_C0_PICTURES, **_C1_ESCAPES, **_BIDI, **_LINE_SEPARATORS, **_JOINERS}
# One character for each: pictures where there are any, else the mark for what cannot be shown.
_EACH: dict[int, int | str] = dict.fromkeys(_TABLE, "\ufffd") | _C0_PICTURES | {0xFE0F: "\ufe0e"}
_SURROGATES = re.compile("[\ud800-\udfff]")


def visible(text: str, *, keep_newlines: bool = False, limit: int | None = None) -> str:
    """Return `text` with every character that could drive a terminal shown as a harmless picture.

    C0 and DEL become control pictures, C1 and bidirectional controls their escapes, lone surrogates U+FFFD;
    a joiner of emoji becomes its escape, and the wish for a wide picture (U+FE0F) is left out.
    Tabs become four spaces when newlines are kept and a picture otherwise. `limit` caps the length in characters;
    a cut is marked by an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    table = _TABLE
    if keep_newlines:
        table = {code: picture for code, picture in _TABLE.items() if code != 0x0A} | {0x09: "    "}
    return _SURROGATES.sub("\ufffd", text).translate(table)


def visible_each(text: str) -> str:
    """As `visible`, but one character for each, so that a place in the text is the same place in what is shown."""
    return _SURROGATES.sub("\ufffd", text).translate(_EACH)
