"""A text from standard input: kept as a file, because it is read more than once and a run may be resumed."""

import hashlib
import secrets
import sys
from pathlib import Path

from rnnbench import storage
from rnnbench.errors import CorpusError

STDIN = "-"
_BLOCK = 1 << 20
_NAMED_BY = 12  # digits of the digest in the file's name


def keep(folder: Path) -> Path:
    """Store standard input in the folder under the digest of its bytes: the same text is the same file.

    Raises CorpusError where there is nothing to read.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise CorpusError("no text comes from standard input", "pipe one in, or name a file")
    storage.make_folder(folder)
    arriving, digest, size = folder / f".stdin-{secrets.token_hex(4)}", hashlib.sha256(), 0
    with storage.new_file(arriving) as file:
        while block := sys.stdin.buffer.read(_BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
    path = folder / f"stdin-{digest.hexdigest()[:_NAMED_BY]}.txt"
    if not size:
        storage.remove_file(arriving)
        raise CorpusError("standard input is empty", "a corpus needs at least a few hundred characters")
    storage.rename(arriving, path)
    return path
