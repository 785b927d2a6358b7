"""The windows of the cloze task: margins, blanks, and a batch that depends on seed and step alone."""

import pytest
import torch

from rnnbench.engine.window_batches import WindowBatches
from rnnbench.errors import CorpusError


@pytest.fixture
def cut(make_training, numbered):
    """Batches of a stream in which every token is its own position plus one; none is <unk>."""

    def make_batches(tokens=200, **values):
        training = make_training(**{"margin": 3, "blank_share": 0.0, **values})
        return WindowBatches(numbered(tokens) + 1, training)

    return make_batches


def test_the_targets_are_the_text_that_is_read(cut):
    """Windows of margin, T and margin tokens in a row; inputs and targets are the same but for blanks."""
    batch = cut().batch(0)
    assert batch.ids_TB.shape == (3 + 5 + 3, 4)
    assert batch.inside == slice(3, 8)
    assert torch.equal(batch.ids_TB, batch.targets_TB)
    assert (batch.ids_TB.diff(dim=0) == 1).all()


@pytest.mark.parametrize("margin", [0, 3, 20])
def test_inner_parts_do_not_overlap(cut, margin):
    """In an epoch every token is scored at most once, and few are left out; the next epoch has another order."""
    batches = cut(400, margin=margin)
    epochs = []
    for epoch in range(2):
        steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
        inner = torch.cat([batches.batch(step).targets_TB[margin : margin + 5].t().flatten() for step in steps])
        assert len(set(inner.tolist())) == len(inner) >= 400 - 2 * margin - 5 - 4 * 5
        epochs.append(inner.tolist())
    assert epochs[0] != epochs[1]


def test_a_batch_is_a_pure_function_of_seed_and_step(cut):
    """Asked in any order, by another object, it is the same; another seed gives another."""
    first, second, other = (cut(blank_share=0.3, seed=seed) for seed in (3, 3, 4))
    backwards = {step: second.batch(step) for step in reversed(range(20))}
    for step in range(20):
        assert torch.equal(first.batch(step).ids_TB, backwards[step].ids_TB)
        assert torch.equal(first.batch(step).targets_TB, backwards[step].targets_TB)
    assert not torch.equal(first.batch(0).ids_TB, other.batch(0).ids_TB)


def test_blanks_are_drawn_in_the_inputs_alone(cut):
    """About the chosen share is read as <unk>, at places that change from step to step; no target ever is."""
    batches = cut(4000, blank_share=0.25, steps_per_sequence=50, batch_size=20)
    found = [batches.batch(step) for step in range(3)]
    masks = [batch.ids_TB == 0 for batch in found]
    assert all((batch.targets_TB > 0).all() for batch in found)
    assert all((batch.ids_TB == batch.targets_TB)[~mask].all() for batch, mask in zip(found, masks, strict=True))
    assert 0.2 < torch.cat(masks).double().mean() < 0.3
    assert not torch.equal(masks[0], masks[1])


def test_a_text_that_is_too_short_says_how_much_is_needed(cut):
    """One token fewer than a batch may need is refused with that number; that many are enough at any offset."""
    with pytest.raises(CorpusError, match="has 29 tokens.*need at least 30"):
        cut(29)
    for seed in range(6):
        batches = cut(30, seed=seed)
        assert batches.steps_per_epoch == 1
        assert batches.batch(0).targets_TB.max() <= 30
