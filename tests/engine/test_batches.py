"""Batches: pure functions of (seed, step) that use each token once an epoch."""

import tracemalloc

import numpy as np
import pytest
import torch

from rnnbench.engine.batches import make_batches
from rnnbench.engine.permutations import permuted
from rnnbench.errors import CorpusError, UsageError

KINDS = ("sequential", "random", "windows")


def rows(batches, epoch):
    """The inputs of an epoch, (steps, T, B)."""
    first = epoch * batches.steps_per_epoch
    return np.stack([batches.batch(first + index).ids_TB.numpy() for index in range(batches.steps_per_epoch)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_depends_on_seed_and_step_alone(kind, make_training, numbered):
    """Any step, asked in any order of any instance, gives the same batch; another seed gives another."""
    training = make_training(batches=kind)
    forward, backward = make_batches(numbered(333), training), make_batches(numbered(333), training)
    steps = range(3 * forward.steps_per_epoch)
    backwards = {step: backward.batch(step) for step in reversed(steps)}
    for step in steps:
        batch = forward.batch(step)
        assert torch.equal(batch.ids_TB, backwards[step].ids_TB)
        assert torch.equal(batch.targets_TB, backwards[step].targets_TB)
        assert batch.fresh == backwards[step].fresh
    other = make_batches(numbered(333), make_training(batches=kind, seed=4))
    assert not all(torch.equal(other.batch(step).ids_TB, backwards[step].ids_TB) for step in steps)


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_the_next_tokens(kind, make_training, numbered):
    """Each target is the token that follows its input in the text."""
    batches = make_batches(numbered(333), make_training(batches=kind))
    for step in range(2 * batches.steps_per_epoch):
        batch = batches.batch(step)
        assert batch.ids_TB.shape == batch.targets_TB.shape == (5, 4)
        assert batch.ids_TB.dtype == batch.targets_TB.dtype == torch.int64
        assert torch.equal(batch.targets_TB, batch.ids_TB + 1)
        assert torch.equal(batch.ids_TB[1:], batch.ids_TB[:-1] + 1)


@pytest.mark.parametrize("kind", ["sequential", "random"])
@pytest.mark.parametrize("length", [26, 27, 30, 31, 333, 1000])
def test_no_token_is_trained_on_twice_in_an_epoch(kind, length, make_training, numbered):
    """Windows of one epoch do not overlap, and what is left out is shorter than a window for each lane or batch."""
    batches = make_batches(numbered(length), make_training(batches=kind))
    for epoch in range(3):
        used = rows(batches, epoch).ravel()
        assert len(np.unique(used)) == len(used)
        assert used.min() >= 0 and used.max() < length - 1
        assert len(used) > length - 1 - (4 + 1) * 5 - 5


@pytest.mark.parametrize("length", [26, 27, 333])
def test_lanes_of_sequential_batches_continue_each_other(length, make_training, numbered):
    """Lane l of a batch goes on where lane l of the batch before ended; only an epoch's first batch starts fresh."""
    batches = make_batches(numbered(length), make_training(batches="sequential"))
    for epoch in range(3):
        first = epoch * batches.steps_per_epoch
        parts = [batches.batch(first + index) for index in range(batches.steps_per_epoch)]
        assert [part.fresh for part in parts] == [index == 0 for index in range(len(parts))]
        for before, after in zip(parts, parts[1:], strict=False):
            assert torch.equal(after.ids_TB[0], before.targets_TB[-1])


def test_random_batches_start_fresh_and_are_shuffled(make_training, numbered):
    """The windows of an epoch come in an order of its own, and no state is carried between them."""
    batches = make_batches(numbered(333), make_training(batches="random"))
    orders = [rows(batches, epoch)[:, 0, :].ravel() for epoch in range(2)]
    assert all(batches.batch(step).fresh for step in range(batches.steps_per_epoch))
    for order in orders:
        assert not np.array_equal(order, np.sort(order))
        assert len(set(order % 5)) == 1, "windows lie on one grid"
    ranks = [np.argsort(np.argsort(order)) for order in orders]
    assert not np.array_equal(*ranks)


@pytest.mark.parametrize(("kind", "offsets"), [("sequential", set(range(6))), ("random", set(range(5)))])
def test_every_offset_of_its_range_is_drawn(kind, offsets, make_training, numbered):
    """Epochs begin at a random offset: 0 to T for sequential lanes, 0 to T - 1 for random windows."""
    batches = make_batches(numbered(60), make_training(batches=kind))
    drawn = {int(rows(batches, epoch).min()) % 5 if kind == "random" else int(rows(batches, epoch).min())
             for epoch in range(80)}  # fmt: skip
    assert drawn == offsets


@pytest.mark.parametrize(("kind", "needed"), [("sequential", 26), ("random", 25), ("windows", 10)])
def test_a_text_that_is_too_short_names_the_minimum(kind, needed, make_training, numbered):
    """One token fewer than the named minimum is refused, the minimum itself trains."""
    training = make_training(batches=kind)
    assert make_batches(numbered(needed), training).steps_per_epoch == 1
    make_batches(numbered(needed), training).batch(0)
    for length in (0, 1, needed - 1):
        with pytest.raises(CorpusError, match=rf"has {length} tokens.*4 x 5 need at least {needed}"):
            make_batches(numbered(length), training)


@pytest.mark.parametrize(("length", "stride"), [(10, 1), (11, 1), (333, 1), (333, 2), (334, 2), (333, 5)])
def test_windows_begin_at_every_stride(length, stride, make_training, numbered):
    """N - T - 1 windows at stride 1, each once an epoch but for those that fill no batch, from a zero state."""
    batches = make_batches(numbered(length), make_training(batches="windows", stride=stride, batch_size=3))
    places = [start for start in range(length - 5 - 1) if start % stride == 0]
    assert batches.steps_per_epoch == len(places) // 3
    for epoch in range(3):
        starts = rows(batches, epoch)[:, 0, :].ravel().tolist()
        assert len(set(starts)) == len(starts) == len(places) // 3 * 3
        assert set(starts) <= set(places)
    assert all(batches.batch(step).fresh for step in range(batches.steps_per_epoch))


def test_windows_come_in_another_order_each_epoch(make_training, numbered):
    """Shuffled over the whole text: an epoch is neither in order nor like the one before, and neighbours are far apart."""
    batches = make_batches(numbered(3000), make_training(batches="windows"))
    first, second = (rows(batches, epoch)[:, 0, :].ravel() for epoch in range(2))
    for order in (first, second):
        assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.1
        assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.1
        assert np.abs(np.diff(order)).mean() > 800, "two random places of 3,000 are 1,000 apart on average"
    assert (first == second).sum() < 10


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 1000, 65_537])
def test_a_computed_permutation_holds_each_number_once(count):
    """Whatever the size, and whichever part of it is asked for."""
    places = np.arange(count)
    found = permuted(places, count, np.random.default_rng((3, 1)))
    assert sorted(found.tolist()) == list(range(count))
    part = places[count // 3 : count // 2 + 1]
    assert np.array_equal(permuted(part, count, np.random.default_rng((3, 1))), found[part])


def test_windows_of_a_huge_text_take_no_memory(make_training):
    """A batch of 100 million windows allocates less than a hundredth of a byte for each; the last step works too."""
    ids = np.broadcast_to(np.zeros(1, dtype=np.uint16), (100_000_000,))
    batches = make_batches(ids, make_training(batches="windows", batch_size=64, steps_per_sequence=100))
    tracemalloc.start()
    try:
        for step in (0, batches.steps_per_epoch - 1, batches.steps_per_epoch):
            assert batches.batch(step).ids_TB.shape == (100, 64)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_stride_beyond_the_window_is_refused(make_config):
    """Text would be left out; other batches do not look at the stride."""
    with pytest.raises(UsageError, match=r"stride above steps_per_sequence"):
        make_config(training={"batches": "windows", "steps_per_sequence": 8, "stride": 9})
    assert make_config(training={"batches": "random", "steps_per_sequence": 8, "stride": 9})
