"""Switches that change a text before it is tokenized, streamed. Each makes the run lossy, and the run says so."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from rnnbench.config import TextConfig
from rnnbench.errors import UsageError

_NOT_LETTERS = re.compile(r"[^A-Za-z\n]+")
_AROUND_LINE_END = re.compile(r"[^\S\n]*\n\s*")
_HELD = 1 << 22
_PUNCTUATION = frozenset("。！？，；：、")

Step = Callable[[str], str]


def is_lossy(text: TextConfig) -> bool:
    """Whether any switch is on, so that the model never sees the text as it was written."""
    return bool(switches(text))


def switches(text: TextConfig) -> tuple[str, ...]:
    """The names of the switches that are on."""
    flags = [name for name in ("strip_lines", "lower_case", "letters_only") if getattr(text, name)]
    return (*flags, *(value for value in (text.unicode, text.chinese) if value != "keep"))


def normalize(chunks: Iterable[str], text: TextConfig, seen: Callable[[str], object] = len) -> Iterator[str]:
    """The chunks, changed as the switches say: the same for any way of cutting the text into chunks.

    `seen` is given every piece before its lines are joined: words end where lines end, also when the model reads on.
    """
    steps, first = _steps(text), True
    for piece, last in _pieces(chunks, text, bool(steps) or text.strip_lines):
        changed = _apply(piece, steps)
        seen(changed)
        yield _strip(changed, first=first, last=last) if text.strip_lines else changed
        first = False


def _pieces(chunks: Iterable[str], text: TextConfig, cut: bool) -> Iterator[tuple[str, bool]]:
    """The text in pieces that can be changed on their own, and whether each is the last."""
    held = ""
    for chunk in chunks:
        whole, held = _cut(held + chunk, text) if cut else (chunk, "")
        if whole:
            yield whole, False
    if held:
        yield held, True


def _steps(text: TextConfig) -> list[Step]:
    steps: list[Step] = []
    if text.unicode != "keep":
        steps.append(_nfc if text.unicode == "nfc" else _nfkc)
    if text.chinese != "keep":
        steps.append(_converter(text.chinese))
    if text.letters_only:
        steps.append(lambda part: _NOT_LETTERS.sub(" ", part))
    if text.lower_case:
        steps.append(str.lower)
    return steps


def _nfc(part: str) -> str:
    return unicodedata.normalize("NFC", part)


def _nfkc(part: str) -> str:
    return unicodedata.normalize("NFKC", part)


def of_prompt(prompt: str, text: TextConfig) -> str:
    """A prompt as the model would have read it; its ends are kept, they are where the model goes on."""
    return _apply(prompt, _steps(text))


def _apply(part: str, steps: list[Step]) -> str:
    for step in steps:
        part = step(part)
    return part


def _strip(part: str, *, first: bool, last: bool) -> str:
    """Lines stripped and joined without anything between them, as the tutorials read their texts."""
    part = _AROUND_LINE_END.sub("", part)
    part = part.lstrip() if first else part
    return part.rstrip() if last else part


def _cut(text: str, switches: TextConfig) -> tuple[str, str]:
    """(what can be changed now, what must wait), cut where no switch looks across."""
    for position in range(len(text) - 1, max(len(text) - _HELD, 0), -1):
        if _is_boundary(text[position - 1], text[position], switches):
            return text[:position], text[position:]
    return ("", text) if len(text) < _HELD else (text, "")


def _is_boundary(before: str, after: str, switches: TextConfig) -> bool:
    """Whether text can be cut between two characters.

    ASCII letters and ideographs neither combine with what stands before them nor are white space, so what is
    stripped or composed stays whole. Ideographs give way to a blank under `letters_only`, where a cut between two
    would double it; and conversion between Chinese scripts looks at phrases, which only punctuation ends.
    """
    if not (_is_letter(after) or (_is_ideograph(after) and not switches.letters_only)):
        return False
    if _is_letter(before):
        return True
    if switches.letters_only:
        return False
    return before in _PUNCTUATION if switches.chinese != "keep" else _is_ideograph(before)


def _is_letter(character: str) -> bool:
    return "a" <= character <= "z" or "A" <= character <= "Z"


def _is_ideograph(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def _converter(target: str) -> Step:
    try:
        import opencc
    except ImportError:
        raise UsageError(
            f"text.chinese = {target} needs the opencc package", "pip install 'rnnbench[chinese]'"
        ) from None
    converter = opencc.OpenCC("t2s" if target == "simplified" else "s2t")
    convert: Step = converter.convert
    return convert
