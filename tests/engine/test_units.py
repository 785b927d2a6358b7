"""Hidden units: their activations are the network's states, and a planted unit is found."""

import re

import numpy as np
import pytest
import torch

from rnnbench.engine import units
from rnnbench.engine.correlations import Correlator
from rnnbench.engine.unit_names import Unit, read_unit
from rnnbench.errors import UsageError
from rnnbench.text import properties
from rnnbench.text.cutting import CutText
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Vocabulary

LETTERS = "abc 12\n()"
WORDS = Vocabulary(("<unk>", *LETTERS), 1, TokenizerFacts("character"), "")


def some_text(count):
    """Letters drawn at random, the same every time."""
    drawn = torch.randint(len(LETTERS), (count,), generator=torch.Generator().manual_seed(5))
    return "".join(LETTERS[place] for place in drawn.tolist())


@pytest.fixture
def cut():
    return CutText.of(WORDS, some_text(600))


def unit_for_digits(make_network):
    """A network whose unit 3 is above zero at a digit and below it elsewhere, by its weights."""
    network = make_network(vocabulary=10, cell="rnn", implementation="scratch", input="one_hot", hidden=6)
    cell = network.stack.cells[0]
    with torch.no_grad():
        cell.recurrent_weight[:, 2] = 0
        cell.input_weight[:, 2] = torch.tensor([3.0 if token in "12" else -3.0 for token in WORDS.tokens])
    return network


def memory_for_brackets(make_network):
    """A network whose memory unit 2 adds 1 at an opening bracket and takes 1 away at a closing one."""
    network = make_network(vocabulary=10, implementation="scratch", input="one_hot", hidden=5)
    cell = network.stack.cells[0]
    with torch.no_grad():
        for gate, bias in ((0, 30.0), (1, 30.0), (2, 0.0)):
            column = gate * 5 + 1
            cell.recurrent_weight[:, column] = cell.recurrent_bias[column] = cell.input_weight[:, column] = 0
            cell.input_bias[column] = bias
        cell.input_weight[WORDS.tokens.index("("), 11] = 30
        cell.input_weight[WORDS.tokens.index(")"), 11] = -30
    return network


@pytest.mark.parametrize("values", [
    {"layers": 3}, {"cell": "gru", "layers": 2, "implementation": "fused"}, {"cell": "elman"}, {"cell": "min_lstm"},
])  # fmt: skip
def test_activations_are_the_states(make_network, values):
    """After every token, of every layer, h and c: what one pass token by token leaves in the state."""
    network = make_network(**values)
    ids = torch.randint(11, (40,)).numpy()
    found = units.activations(network, ids)
    state = network.initial_state(1)
    assert found.shape == (40, *state[:, :, 0].shape)
    with torch.no_grad():
        for place, token in enumerate(ids.tolist()):
            _, state = network(torch.tensor([[token]]), state)
            np.testing.assert_allclose(found[place], state[:, :, 0].numpy(), atol=1e-6)
    last = Unit(network.config.layers, 7)
    np.testing.assert_allclose(units.activation(network, ids, last), found[:, 0, -1, 6], atol=1e-7)


def test_lanes_agree_with_one_pass(make_network):
    """A text read in lanes gives every token once and, after their warm-up, the activations of a single pass."""
    network = make_network()
    ids = torch.randint(11, (1501,)).numpy()
    alone, beside = units.activations(network, ids, lanes=1), units.activations(network, ids, lanes=4)
    np.testing.assert_allclose(beside, alone, atol=1e-5)


def test_a_planted_unit_is_found(make_network, cut):
    """The unit that was made to follow digits comes first for digits, with r near 1 on both halves."""
    found = {
        each.name: each for each in units.search(unit_for_digits(make_network), cut, properties.find_all(cut.text))
    }
    best = found["digit"].followers[0]
    assert best.unit == Unit(1, 3) and best.r > 0.999 and best.searched_r > 0.999
    assert len(found["digit"].followers) == 5
    sizes = [abs(follower.searched_r) for follower in found["digit"].followers]
    assert sizes == sorted(sizes, reverse=True)
    assert found["digit"].mean == pytest.approx(sum(character in "12" for character in cut.text) / 600)


def test_a_planted_memory_is_found(make_network):
    """An LSTM's memory that counts brackets is the best unit for their depth; it is a c, not an h."""
    text = "(a(b)c)(ab)((c)1)" * 30
    cut = CutText.of(WORDS, text)
    (found,) = units.search(
        memory_for_brackets(make_network), cut, [p for p in properties.find_all(text) if p.name == "bracket depth"]
    )
    assert str(found.followers[0].unit) == "1:2:c" and found.followers[0].r > 0.999


def test_a_pattern_is_a_property(make_network, cut):
    """A unit is found for what a user's pattern matches."""
    found = units.search(unit_for_digits(make_network), cut, properties.find_all(cut.text, re.compile("[12]")), top=1)
    assert found[-1].name == "pattern" and found[-1].followers[0].unit == Unit(1, 3)


def test_the_reported_half_had_no_part_in_the_choice(make_network, cut):
    """r is numpy's on the second half, searched_r on the first, also in lanes."""
    network = make_network(vocabulary=10)
    found = units.search(network, cut, properties.find_all(cut.text), top=3)
    states = units.activations(network, cut.ids_N).astype(np.float64)
    values = {each.name: each.values_C for each in properties.find_all(cut.text)}
    checked = 0
    for each in found:
        for follower in each.followers:
            unit = states[:, "hc".index(follower.unit.state), follower.unit.layer - 1, follower.unit.number - 1]
            for r, half in ((follower.searched_r, slice(0, 300)), (follower.r, slice(300, 600))):
                assert r == pytest.approx(np.corrcoef(unit[half], values[each.name][half])[0, 1], abs=1e-6)
                checked += 1
    assert checked >= 30


def test_a_property_that_stays_the_same_has_no_followers(make_network):
    """Digits in the first half only: nothing can be judged on the second."""
    cut = CutText.of(WORDS, "ab12" * 50 + "abca" * 50)
    found = {each.name: each for each in units.search(make_network(vocabulary=10), cut, properties.find_all(cut.text))}
    assert found["digit"].followers == () and found["inside quotes"].followers == ()
    assert found["inside quotes"].mean == 0


def test_units_that_do_not_move_are_no_candidates(make_network, cut):
    """A constant unit has no correlation; the others are still found."""
    network = unit_for_digits(make_network)
    cell = network.stack.cells[0]
    with torch.no_grad():
        cell.input_weight[:, 0] = cell.recurrent_weight[:, 0] = 0
    found = units.search(network, cut, properties.find_all(cut.text), top=100)
    digit = next(each for each in found if each.name == "digit")
    assert len(digit.followers) == 5 and Unit(1, 1) not in [follower.unit for follower in digit.followers]


def test_correlation_is_that_of_numpy():
    """In blocks of any size, with large means and little movement; a constant column is not a number."""
    draw = np.random.default_rng(1)
    x, y = draw.normal(1000, 0.01, (500, 4)), draw.integers(0, 2, (500, 3)).astype(np.float64)
    x[:, 1] += y[:, 0] * 0.02
    x[:, 3], y[:, 2] = 7.0, 1.0
    correlator = Correlator(4, 3)
    for start, stop in ((0, 1), (1, 1), (1, 130), (130, 500)):
        correlator.add(x[start:stop], y[start:stop])
    found = correlator.r()
    expected = np.corrcoef(x[:, :3].T, y[:, :2].T)[:3, 3:]
    np.testing.assert_allclose(found[:3, :2], expected, atol=1e-9)
    assert np.isnan(found[3]).all() and np.isnan(found[:, 2]).all() and abs(found[1, 0]) > 0.5
    np.testing.assert_allclose(correlator.mean_of_others, y.mean(0))


@pytest.mark.parametrize(
    "written", ["", "1", "0:1", "1:0", "2:1", "1:8", "1:1:x", "1:-1", "1:1:c:c", "９:1", "1:9999999"]
)
def test_a_unit_that_is_not_there_is_refused(make_network, written):
    """A usage error that says how units are written, or which there are."""
    with pytest.raises(UsageError, match="no unit"):
        read_unit(written, make_network().config)


def test_units_are_written_as_they_are_read(make_network):
    """LAYER:NUMBER, with :c for a memory; a cell without memory has none."""
    for written in ("1:7", "1:1:c"):
        assert str(read_unit(written, make_network().config)) == written
    assert str(read_unit("1:2:h", make_network().config)) == "1:2"
    with pytest.raises(UsageError, match="of each h"):
        read_unit("1:1:c", make_network(cell="gru").config)
