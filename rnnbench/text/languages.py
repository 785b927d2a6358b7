"""The language of a text, guessed from its beginning: by its script, and between Latin ones by their commonest words.

A guess to be shown beside a name, not to be relied upon: nothing is decided by it.
"""

import re
from collections import Counter

_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_SCRIPT_SHARE = 0.15  # of all letters: a Chinese lesson in English is neither
_JAPANESE_SHARE = 0.05  # kana stand between many Chinese characters
_WORDS = {
    "en": "the of and to was he that his she you with is",
    "de": "der die und das nicht ich ist den sie ein zu mit",
    "fr": "le la les et des il est que une dans qui pas",
    "es": "el los que las del una por con se su para como",
    "it": "il che di non per una gli della sono con anche si",
    "pt": "o que não uma os com para se do da em as",
    "nl": "het een van en ik dat niet zijn hij op te de",
}
_FEWEST, _LEAD = 0.06, 1.3  # share of the words that the list must make up, and how far it must be ahead
_LETTERS = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")


def guess(text: str) -> str:
    """The language as its two letters of ISO 639-1; empty when it cannot be told."""
    letters = len(_LETTERS.findall(text))
    for language, pattern in _SCRIPTS:
        share = _JAPANESE_SHARE if language == "ja" else _SCRIPT_SHARE
        if letters and len(pattern.findall(text)) > share * letters:
            return language
    return _by_words(Counter(_WORD.findall(text.lower())))


def _by_words(words: Counter[str]) -> str:
    total = words.total()
    ranked = sorted(((sum(words[word] for word in common.split()), name) for name, common in _WORDS.items()))
    (second, _), (best, name) = ranked[-2:]
    return name if best > max(_FEWEST * total, _LEAD * second) else ""
