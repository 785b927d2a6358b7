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
from rnnbench.text.tokenizers import TokenizerFacts

# What jieba may join into one word; any other character is a token of its own, so a text can be cut at it.
_WORD_CHARACTER = re.compile("[\u4e00-\u9fd5a-zA-Z0-9+#&._%-]")
_LONGEST_HELD = 1 << 18
_loaded: dict[str, Any] = {}


class JiebaTokenizer:
    """Words as jieba.lcut cuts them (accurate mode with its hidden Markov model for unknown words)."""

    def __init__(self, engine: str = "exact", user_dictionary: str = "") -> None:
        package = {"exact": "jieba", "fast": "rjieba"}.get(engine)
        if package is None:
            raise UsageError(f"unknown jieba engine {engine}", "exact or fast")
        self._cut = _exact(user_dictionary) if engine == "exact" else _fast(user_dictionary)
        self.facts = TokenizerFacts("jieba", engine, metadata.version(package), user_dictionary)
        self._held = ""

    def feed(self, chunk: str) -> list[str]:
        """The words up to the last character that is in no word."""
        text = self._held + chunk
        position = _last_boundary(text)
        if not position and len(text) > _LONGEST_HELD:
            position = len(text)
        self._held = text[position:]
        return list(self._cut(text[:position])) if position else []

    def finish(self) -> list[str]:
        """The words of what was waiting."""
        held, self._held = self._held, ""
        return list(self._cut(held)) if held else []


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
