"""Batches of pairs: every pair once an epoch, no padding where lines are read, none that counts where they are written."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnbench.config import CorpusConfig, TextConfig
from rnnbench.engine.pair_batches import PairBatch, PairBatches, by_source_length, in_order, inputs_of, read_batch
from rnnbench.errors import CorpusError
from rnnbench.text.pair_corpus import BOS, EOS, PAD, PairSplit, encode_pairs

IGNORED = -100


@pytest.fixture
def make_split(tmp_path: Path) -> Callable[..., PairSplit]:
    """A training split of pairs whose sides have between one and seven characters."""

    def make(pairs: int = 90, name: str = "train", **corpus: float) -> PairSplit:
        rows = [
            (f"{number:b}"[-(1 + number % 4) :] + f"{number:x}", "y" * (number % 7) + f"{number:o}")
            for number in range(pairs)
        ]
        path = tmp_path / "pairs.tsv"
        path.write_text("".join(f"{source}\t{target}\n" for source, target in rows))
        return encode_pairs(path, CorpusConfig(file="x", **corpus), TextConfig()).split(name)

    return make


def assert_is_the_pairs(batch: PairBatch, split: PairSplit) -> None:
    """Lane by lane the batch holds the pairs of its places, laid out for teacher forcing."""
    for lane, place in enumerate(batch.places.tolist()):
        source, target = split.sources[place].tolist(), split.targets[place].tolist()
        padding = len(batch.targets_TB) - len(target) - 1
        assert batch.source_SB[:, lane].tolist() == source
        assert batch.targets_TB[:, lane].tolist() == [*target, EOS] + [IGNORED] * padding
        read = batch.inputs_TB[:, lane].tolist()
        assert read[: len(target) + 1] == [BOS, *target]
        assert set(read[len(target) + 1 :]) <= {PAD, EOS}
    assert batch.tokens == int((batch.targets_TB != IGNORED).sum())


def test_an_epoch_reads_every_pair_once(make_split):
    """Whole, in batches of one source length; the small last ones of a length are not left out."""
    split = make_split()
    batches = PairBatches(split, batch_size=4, seed=3)
    seen, tokens = Counter(), 0
    for step in range(batches.steps_per_epoch, 2 * batches.steps_per_epoch):
        batch = batches.batch(step)
        assert_is_the_pairs(batch, split)
        assert len(batch.places) <= 4
        assert (batch.targets_TB[-1] != IGNORED).any(), "no longer than its longest target"
        seen.update(batch.places.tolist())
        tokens += batch.tokens
    assert seen == Counter(range(len(split)))
    assert tokens == split.target_tokens
    assert batches.tokens_per_step == round(tokens / batches.steps_per_epoch)
    lengths = Counter(split.sources.lengths.tolist())
    assert batches.steps_per_epoch == sum(-(-count // 4) for count in lengths.values())


def test_a_batch_depends_on_seed_and_step_alone(make_split):
    """Asked for in any order, by anybody; another seed or epoch shuffles anew."""
    split = make_split()
    one, other, third = PairBatches(split, 4, 3), PairBatches(split, 4, 3), PairBatches(split, 4, 4)
    steps = one.steps_per_epoch
    forwards = [one.batch(step).places.tolist() for step in range(3 * steps)]
    backwards = [other.batch(step).places.tolist() for step in reversed(range(3 * steps))][::-1]
    assert forwards == backwards
    assert forwards[:steps] != forwards[steps : 2 * steps]
    assert forwards[:steps] != [third.batch(step).places.tolist() for step in range(steps)]
    lengths = [len(one.batch(step).source_SB) for step in range(steps)]
    assert lengths != sorted(lengths), "the batches are shuffled as well"


def test_in_order_covers_chosen_pairs_within_a_bound(make_split):
    """Each place once; a batch is no larger than asked for, unless one pair is."""
    split = make_split()
    chosen = np.arange(0, len(split), 3)
    found = list(in_order(split, 60, chosen))
    assert sorted(place for batch in found for place in batch.places.tolist()) == chosen.tolist()
    for batch in found:
        assert_is_the_pairs(batch, split)
        assert batch.source_SB.numel() + batch.targets_TB.numel() <= 60
    assert all(len(batch.places) == 1 for batch in in_order(split, 1))
    assert sum(len(batch.places) for batch in in_order(split, 1)) == len(split)


def test_the_last_line_of_all_can_be_read(make_split):
    """Padding looks at no id behind the end."""
    split = make_split()
    for group in by_source_length(split):
        assert_is_the_pairs(read_batch(split, group), split)


def test_inputs_are_the_targets_one_step_later():
    """<bos> first; what is ignored is read as padding."""
    targets = torch.tensor([[7, 9], [8, EOS], [EOS, IGNORED]])
    assert inputs_of(targets).tolist() == [[BOS, BOS], [7, 9], [8, EOS]]
    assert inputs_of(torch.tensor([[EOS], [IGNORED], [IGNORED]])).flatten().tolist() == [BOS, EOS, PAD]


def test_a_split_without_pairs_is_refused(make_split):
    """Nothing can be trained on it."""
    with pytest.raises(CorpusError, match="test split holds no pairs"):
        PairBatches(make_split(test_fraction=0.0, name="test"), 4, 1)
