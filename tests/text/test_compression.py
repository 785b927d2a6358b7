"""What xz -9 makes of a split that follows its training text."""

import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.errors import Stopped
from rnnbench.text.compression import xz_cost


def _length(text: str) -> int:
    return len(lzma.compress(text.encode(), preset=9))


def test_the_cost_is_what_the_split_adds(english_text: str) -> None:
    """Bits are the growth of the compressed file, per character of the split and not per byte."""
    train, split = english_text[:3000], "热红酒与海港\n" * 3 + english_text[3000:]
    cost = xz_cost([train], [split])
    assert cost.bits == 8 * (_length(train + split) - _length(train))
    assert cost.bits_per_character == cost.bits / len(split)
    assert cost.train_bytes == cost.train_bytes_used == 3000


def test_a_text_seen_in_training_costs_next_to_nothing(make_text: Callable[[int], str]) -> None:
    """The split is compressed knowing the training text: a copy of it is a reference."""
    noise = "".join(chr(0x4E00 + value * 7919 % 20000) for value in range(4000))
    known, unknown = xz_cost([noise], [noise]), xz_cost([make_text(4000)], [noise])
    assert known.bits < unknown.bits / 20


@pytest.mark.parametrize("size", [1, 17, 4000])
def test_pieces_do_not_show(size: int, english_text: str) -> None:
    """Any way of cutting the texts into pieces gives the same cost."""
    train, split = english_text[:3000], english_text[3000:]
    pieces = [[text[start : start + size] for start in range(0, len(text), size)] for text in (train, split)]
    assert xz_cost(*pieces) == xz_cost([train], [split])


def test_only_the_end_of_a_long_training_text_is_used(english_text: str) -> None:
    """A bound on time and memory keeps the last bytes, and says how many of how many."""
    train, split = english_text[:3000], english_text[3000:]
    pieces = [train[start : start + 333] for start in range(0, 3000, 333)]
    cost = xz_cost(pieces, [split], maximum_train_bytes=1000)
    assert (cost.train_bytes, cost.train_bytes_used) == (3000, 1000)
    assert cost.bits == xz_cost([train[2000:]], [split]).bits


def test_an_empty_split_has_no_figure(english_text: str) -> None:
    """Nothing divided by no characters is not zero bits per character."""
    assert xz_cost([english_text], []).bits_per_character is None


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_work_can_be_cancelled(calls: int, english_text: str) -> None:
    """What `check` raises ends reading the training text, compressing it, and compressing the split."""
    left = [calls]

    def check() -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    with pytest.raises(Stopped):
        xz_cost([english_text], [english_text], check=check)


def test_it_is_the_command_that_it_is_named_after(tmp_path: Path, english_text: str) -> None:
    """`xz -9` from the shell adds as many bytes, but for the size of its checksums."""
    command = shutil.which("xz")
    if command is None:
        pytest.skip("the xz command is not installed")
    lengths = []
    for text in (english_text[:3000], english_text):
        file = tmp_path / "text"
        file.write_text(text, encoding="utf-8")
        lengths.append(len(subprocess.run([command, "-9", "-c", file], capture_output=True, check=True).stdout))
    cost = xz_cost([english_text[:3000]], [english_text[3000:]])
    assert abs(cost.bits / 8 - (lengths[1] - lengths[0])) <= 8
