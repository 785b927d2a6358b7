"""corpora show --pairs: source and target lines, before a seq2seq run is trained on them."""

from dataclasses import asdict
from pathlib import Path

from rnnbench.cli import output
from rnnbench.config import RunConfig
from rnnbench.errors import CorpusError
from rnnbench.text.pair_describing import LengthFacts, PairsDescription, bad_lines, describe_pairs
from rnnbench.visible import visible

_SHOWN = 60


def show(path: Path, chosen: RunConfig, *, as_json: bool) -> None:
    """Print what the pairs are. Raises CorpusError, after it has named every bad line of a table."""
    try:
        described = describe_pairs(path, chosen.corpus, chosen.text)
    except CorpusError:
        if chosen.corpus.pairs == "table":
            _tell_bad_lines(path, chosen)
        raise
    if as_json:
        output.json_data(asdict(described))
        return
    for line in _lines(described):
        output.data(visible(line))


def _tell_bad_lines(path: Path, chosen: RunConfig) -> None:
    """Which lines are wrong, as far as they are kept by number; a text without any pair has nothing but bad lines."""
    found = bad_lines(path, chosen.corpus)
    if len(found) > 1:
        output.say(f"lines without source, tab and target: {', '.join(f'{bad.line:,}' for bad in found)} ...")


def _lines(described: PairsDescription) -> list[str]:
    left_out = {
        "blank": described.blank,
        "without a neighbour": described.lone,
        "too long": described.too_long,
        "empty after normalisation": described.emptied,
    }
    counted = ", ".join(f"{count:,} {name}" for name, count in left_out.items() if count) or "nothing"
    source, target = described.source_vocabulary_size, described.target_vocabulary_size
    vocabulary = f"{target:,} tokens of both sides" if described.shared_vocabulary else f"{source:,} and {target:,}"
    return [
        f"path         {described.path}",
        f"pairs        {described.pairs:,} in {described.lines:,} lines of {described.encoding}; left out: {counted}",
        f"distinct     {described.distinct:,}, which hang together in {described.groups:,} groups, the largest of "
        f"{described.largest_group:,}",
        f"sources      {_length(described.source_lengths)} ({described.tokenizer})",
        f"targets      {_length(described.target_lengths)}",
        f"vocabulary   {vocabulary}",
        *(
            f"{split.name:<12} {split.pairs:,} pairs, {split.target_tokens:,} target tokens"
            + (f", {split.out_of_vocabulary_rate:.3%} unknown" if split.name != "train" else "")
            for split in described.splits
        ),
        *(f"{'such as' if not number else '':<12} {_pair(*pair)}" for number, pair in enumerate(described.opening)),
        f"sha256       {described.digest}",
    ]


def _length(lengths: LengthFacts) -> str:
    return f"{lengths.shortest:,} to {lengths.longest:,} tokens, half of them up to {lengths.median:g}"


def _pair(source: str, target: str) -> str:
    return f"{visible(source, limit=_SHOWN)} -> {visible(target, limit=_SHOWN)}"
