"""Bytes -> text: a byte order mark, else strict UTF-8, else a guess that says how sure it is."""

import codecs
from dataclasses import dataclass

from rnnbench.errors import CorpusError, UsageError
from rnnbench.visible import visible

SAMPLE_BYTES = 1 << 18
SURE = 0.7
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A file in a subset is a file in the superset, which also reads the rare characters the subset lacks.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",  # what is called Big5 was mostly written on Windows: the web's decoders read it so too
    "ascii": "utf-8",
}
_CANDIDATES = 4


@dataclass(frozen=True)
class Candidate:
    """An encoding in which the bytes could be read, how sure that is (0 to 1), and how the text would begin."""

    encoding: str
    confidence: float
    opening: str


@dataclass(frozen=True)
class Detection:
    """What the first bytes say. `mark` is the length of a byte order mark."""

    encoding: str
    confidence: float
    mark: int = 0
    candidates: tuple[Candidate, ...] = ()


def known(encoding: str) -> str:
    """Python's name of an encoding. Raises UsageError for one it does not know, or that is not of text."""
    try:
        found = codecs.lookup(encoding)
        b"".decode(encoding)
    except (LookupError, ValueError):
        raise UsageError(f"unknown encoding {encoding}", "for example utf-8, gb18030, big5, utf-16, latin-1") from None
    return _SUPERSETS.get(found.name, found.name)


def mark_of(head: bytes) -> tuple[str, int] | None:
    """The encoding that a byte order mark names, and its length. UTF-32's begins like UTF-16's and is asked first."""
    return next(((encoding, len(mark)) for mark, encoding in _MARKS if head.startswith(mark)), None)


def detect(sample: bytes, *, whole: bool) -> Detection:
    """The encoding of a text that begins with `sample`; `whole` says that there is nothing after it."""
    marked = mark_of(sample)
    if marked:
        return Detection(marked[0], 1.0, marked[1])
    if _is_utf8(sample, whole=whole):
        return Detection("utf-8", 1.0)
    candidates = _guess(sample if whole else sample[: sample.rfind(b"\n") + 1] or sample)
    if not candidates:
        return Detection("", 0.0)
    return Detection(candidates[0].encoding, candidates[0].confidence, 0, candidates)


def _is_utf8(sample: bytes, *, whole: bool) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample, final=whole)
    except UnicodeDecodeError:
        return False
    return "\x00" not in text  # UTF-16 of Latin letters is valid UTF-8 full of zero bytes


def _guess(sample: bytes) -> tuple[Candidate, ...]:
    from charset_normalizer import from_bytes

    found: dict[str, tuple[float, str]] = {}
    for match in from_bytes(sample):
        encoding = known(match.encoding)
        merit = (100 - match.percent_chaos) / 100 * (match.percent_coherence + 1)
        if encoding not in found:
            found[encoding] = (merit, visible(str(match)[:40].replace("\n", " ")))
    total = sum(merit for merit, _ in found.values())
    enough = min(max(merit for merit, _ in found.values()) / 5, 1.0) if found else 0.0
    ranked = [Candidate(name, round(enough * merit / total, 2), text) for name, (merit, text) in found.items()]
    return tuple(sorted(ranked, key=lambda item: -item.confidence)[:_CANDIDATES])


def unsure(name: str, detection: Detection) -> CorpusError:
    """What to say when the encoding cannot be told with confidence."""
    if not detection.candidates:
        return CorpusError(
            f"{visible(name)} is not text in any encoding that could be recognised", "give corpus.encoding"
        )
    listed = "; ".join(f"{c.encoding} ({c.confidence:.0%} sure: {c.opening!r})" for c in detection.candidates)
    return CorpusError(f"the encoding of {visible(name)} is not certain", f"give corpus.encoding; it may be {listed}")
