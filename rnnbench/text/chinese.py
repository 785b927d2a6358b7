"""Chinese words by jieba: exact, or by its faster reimplementation; a cache of its own, and no output.

jieba's own cache lies in the shared temporary folder and is read with marshal, so another user could plant it;
here it lies in a folder that only this user can write. Paddle and parallel modes are never enabled.
"""

import logging
import os
import re
import stat
from importlib import metadata
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from rnnbench import storage
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.tokenizers import HoldingTokenizer, TokenizerFacts

# What jieba may join into one word; any other character is a token of its own, so a text can be cut at it.
_WORD_CHARACTER = re.compile("[\u4e00-\u9fd5a-zA-Z0-9+#&._%-]")
_LONGEST_HELD = 1 << 18
_loaded: dict[str, Any] = {}


class JiebaTokenizer(HoldingTokenizer):
    """Words as jieba.lcut cuts them (accurate mode with its hidden Markov model for unknown words)."""

    longest_held = _LONGEST_HELD

    def __init__(self, engine: str = "exact", user_dictionary: str = "") -> None:
        package = {"exact": "jieba", "fast": "rjieba"}.get(engine)
        if package is None:
            raise UsageError(f"unknown jieba engine {engine}", "exact or fast")
        self._words_of = _exact(user_dictionary) if engine == "exact" else _fast(user_dictionary)
        super().__init__(TokenizerFacts("jieba", engine, metadata.version(package), user_dictionary))

    def _begin(self, text: str) -> tuple[list[str], str]:
        return self._cut_at(_last_boundary(text), text)

    def _cut(self, text: str) -> list[str]:
        return list(self._words_of(text))


def _last_boundary(text: str) -> int:
    """The position after the last character that jieba never joins to another; 0 when there is none."""
    for position in range(len(text), max(len(text) - _LONGEST_HELD, 0), -1):
        if not _WORD_CHARACTER.match(text[position - 1]):
            return position
    return 0


def _exact(user_dictionary: str) -> Any:
    if user_dictionary not in _loaded:
        import jieba

        jieba.setLogLevel(logging.ERROR)
        tokenizer = jieba.Tokenizer()
        tokenizer.tmp_dir = str(_private_cache())
        tokenizer.initialize()
        for word in _words(user_dictionary):
            tokenizer.add_word(*word)
        _loaded[user_dictionary] = tokenizer.lcut
    return _loaded[user_dictionary]


def _words(user_dictionary: str) -> list[tuple[str, int | None, str | None]]:
    """`word [frequency [tag]]` on each line, as jieba's user dictionaries are written."""
    found: list[tuple[str, int | None, str | None]] = []
    for number, line in enumerate(user_dictionary.splitlines(), 1):
        parts = line.split()
        if parts:
            frequency = parts[1] if len(parts) > 1 and parts[1].isdigit() else None
            if len(parts) > 1 and frequency is None and len(parts) > 2:
                raise UsageError(f"user dictionary, line {number}: {parts[1]!r} is not a frequency")
            found.append((parts[0], int(frequency) if frequency else None, None))
    return found


def _fast(user_dictionary: str) -> Any:
    if user_dictionary:
        raise UsageError("the fast jieba engine takes no user dictionary", "use text.jieba_engine = exact")
    try:
        import rjieba
    except ImportError:
        raise UsageError("the fast jieba engine needs the rjieba package", "pip install 'rnnbench[jieba]'") from None
    return rjieba.cut


def _private_cache() -> Path:
    """A folder that belongs to this user and that nobody else can write."""
    folder = user_cache_path("rnnbench") / "jieba"
    storage.make_folder(folder)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise RnnbenchError(f"{folder} does not belong to you", "jieba's cache must not be writable by others")
    folder.chmod(0o700)
    return folder
