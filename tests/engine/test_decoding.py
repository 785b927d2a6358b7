"""Free-running answers: greedy, beams, fixed lengths, what is forbidden, text in and text out."""

from itertools import product

import pytest
import torch

from rnnbench.config import ModelConfig
from rnnbench.engine import decoding
from rnnbench.engine.decoding import DecodeChoices, Hypothesis, answer, decode_batch
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.text.pair_corpus import BOS, EOS
from rnnbench.text.tokenizers import TokenizerFacts
from rnnbench.text.vocabulary import Vocabulary

NAMES = ("<unk>", "<pad>", "<bos>", "<eos>")


def make(vocabulary=8, *, shared=True, sharpness=6.0, **values):
    """A random network whose choices are clear: its logits are as if the output's weights were larger."""
    model = {"task": "seq2seq", "cell": "gru", "hidden": 6, "embedding": 5, **values}
    network = EncoderDecoder(ModelConfig(**model), vocabulary, vocabulary, shared=shared)
    with torch.no_grad():
        network.output.weight *= sharpness
    return network


def sources(lanes=5, length=4, vocabulary=8):
    """Random lines (S, B)."""
    return torch.randint(4, vocabulary, (length, lanes))


@torch.inference_mode()
def log_probability(network, source_S, ids, *, finished):
    """What the network gives an answer, by teacher forcing."""
    written = [BOS, *ids, EOS] if finished else [BOS, *ids]
    memory = network.encode(source_S.unsqueeze(1))
    logits, _ = network.decode(torch.tensor(written[:-1]).unsqueeze(1), memory, memory.state)
    return float(logits[:, 0].log_softmax(1).gather(1, torch.tensor(written[1:]).unsqueeze(1)).sum())


def all_answers(network, source_S, tokens, longest):
    """Every answer there is, up to a length at which it is cut."""
    for length in range(longest + 1):
        for ids in product(tokens, repeat=length):
            finished = length < longest
            yield Hypothesis(ids, log_probability(network, source_S, ids, finished=finished), finished)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("attention", ["none", "additive", "dot"])
def test_a_beam_as_wide_as_all_answers_finds_and_ranks_them(attention, penalty):
    """With room for every answer, the search returns every answer in the order of their scores."""
    network, source = make(7, attention=attention, cell="lstm"), sources(3, vocabulary=7)
    found = decode_batch(network, source, DecodeChoices(beam=50, longest=3, length_penalty=penalty))
    for lane, answers in enumerate(found):
        every = list(all_answers(network, source[:, lane], (4, 5, 6), 3))
        every.sort(key=lambda one: -one.score(penalty))
        assert len(every) == len(answers) == 40
        assert [one.ids for one in answers[:5]] == [one.ids for one in every[:5]]
        assert {one.ids: one.finished for one in answers} == {one.ids: one.finished for one in every}
        for ours, true in zip(answers, every, strict=True):
            assert ours.log_probability_nats == pytest.approx(true.log_probability_nats, abs=1e-4)


def greedy(network, source_S, longest):
    """The most probable token at each step, one lane by itself."""
    memory = network.encode(source_S.unsqueeze(1))
    state, ids = memory.state, []
    while len(ids) < longest:
        logits, state = network.decode(torch.tensor([[([BOS, *ids])[-1]]]), memory, state)
        logits[0, 0, [0, 1, 2]] = -torch.inf
        ids.append(int(logits.argmax()))
        if ids[-1] == EOS:
            return tuple(ids[:-1]), True
    return tuple(ids), False


@pytest.mark.parametrize("attention", ["none", "additive", "dot"])
def test_a_beam_of_one_is_greedy(attention):
    """Batched over lanes, with answers of many lengths, a beam of 1 takes the most probable token of each step."""
    network, source = make(attention=attention).eval(), sources(40)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3  # a livelier network, whose answers differ
    found = decode_batch(network, source, DecodeChoices(longest=9))
    expected = [greedy(network, source[:, lane], 9) for lane in range(40)]
    assert [[(one.ids, one.finished) for one in lane] for lane in found] == [[one] for one in expected]
    assert len({len(ids) for ids, _ in expected}) > 1, "the answers should end at different steps"
    for lane, ((one,), (ids, finished)) in enumerate(zip(found, expected, strict=True)):
        true = log_probability(network, source[:, lane], ids, finished=finished)
        assert one.log_probability_nats == pytest.approx(true, abs=1e-4)


def slow_beam(network, source_S, beam, longest):
    """The search as it is described: (ids, log p, finished), where each answer that ends makes the beam narrower."""
    alive, done = [((), 0.0)], []
    for _ in range(longest):
        longer = [(*ids, token) for ids, _ in alive for token in (EOS, 4, 5, 6, 7)]
        scored = [(ids, log_probability(network, source_S, ids, finished=False)) for ids in longer]
        best = sorted(scored, key=lambda one: -one[1])[: beam - len(done)]
        done += [(ids[:-1], total, True) for ids, total in best if ids[-1] == EOS]
        alive = [(ids, total) for ids, total in best if ids[-1] != EOS]
    done += [(ids, total, False) for ids, total in alive]
    return sorted(done, key=lambda one: -one[1] / (len(one[0]) + one[2]))


@pytest.mark.parametrize("beam", [2, 4])
@pytest.mark.parametrize("attention", ["none", "additive", "dot"])
def test_a_narrow_beam_is_the_plain_search(attention, beam):
    """Batched over lanes that end at different steps, a beam finds what a loop over single hypotheses finds."""
    network, source = make(attention=attention, bidirectional=True), sources(6)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2
    found = decode_batch(network, source, DecodeChoices(beam=beam, longest=5))
    assert len({len(one.ids) for answers in found for one in answers if one.finished}) > 1
    for lane, answers in enumerate(found):
        expected = slow_beam(network, source[:, lane], beam, 5)
        assert [(one.ids, one.finished) for one in answers] == [(ids, finished) for ids, _, finished in expected]
        totals = [total for _, total, _ in expected]
        assert [one.log_probability_nats for one in answers] == pytest.approx(totals, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 3])
def test_lanes_do_not_depend_on_each_other_nor_on_blocks(beam, monkeypatch):
    """A lane is answered alike alone, among others, and when memory allows only a few lanes at a time."""
    network, source = make(sharpness=9.0), sources(7)
    choices = DecodeChoices(beam=beam, longest=6)
    together = [[one.ids for one in lane] for lane in decode_batch(network, source, choices)]
    alone = [decode_batch(network, source[:, lane : lane + 1], choices)[0] for lane in range(7)]
    assert [[one.ids for one in lane] for lane in alone] == together
    monkeypatch.setattr(decoding, "_BLOCK_NUMBERS", 2 * beam * 4 * 6 * 3)
    calls = []
    monkeypatch.setattr(
        network, "encode", lambda source, encode=network.encode: calls.append(source.shape[1]) or encode(source)
    )
    assert [[one.ids for one in lane] for lane in decode_batch(network, source, choices)] == together
    assert calls == [2, 2, 2, 1]


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("choices", [{"like_source": True}, {"exact_length": 5}], ids=["like-source", "exact"])
def test_fixed_lengths_are_kept(beam, choices):
    """The answer has just the length that is asked for, whatever <eos> would like, and ends with it."""
    network = make()
    for bias in (-20.0, 20.0):
        with torch.no_grad():
            network.output.bias[EOS] = bias
        for length in (1, 5):
            source = sources(6, length)
            wanted = length if "like_source" in choices else 5
            found = decode_batch(network, source, DecodeChoices(beam=beam, longest=3, **choices))
            for lane, answers in enumerate(found):
                assert len(answers) == beam
                assert all(one.finished and len(one.ids) == wanted for one in answers)
                true = log_probability(network, source[:, lane], answers[0].ids, finished=True)
                assert answers[0].log_probability_nats == pytest.approx(true, abs=1e-3)


def test_answers_are_never_endless():
    """A network that would never end is cut, and says so."""
    network = make()
    with torch.no_grad():
        network.output.bias[EOS] = -100.0
    for answers in decode_batch(network, sources(), DecodeChoices(beam=2, longest=7)):
        assert [(len(one.ids), one.finished) for one in answers] == [(7, False)] * 2


@pytest.mark.parametrize("beam", [1, 4])
def test_special_tokens_are_never_written(beam):
    """However probable, <unk>, <pad>, <bos> and further reserved tokens are not chosen."""
    network = make(12)
    with torch.no_grad():
        network.output.bias[[0, 1, 2, 4, 5]] = 20.0
    found = decode_batch(network, sources(6, vocabulary=12), DecodeChoices(beam=beam, longest=5), specials=6)
    assert all(min(one.ids, default=6) >= 6 for answers in found for one in answers)


@pytest.mark.parametrize("beam", [1, 3])
def test_no_token_repeats_the_source_in_its_place(beam):
    """With the rule the answer differs from the source everywhere; without it this network just copies a token."""
    network, source = make(), torch.full((4, 3), 5)
    with torch.no_grad():
        network.output.bias[5] = 20.0
    plain = DecodeChoices(beam=beam, like_source=True)
    assert decode_batch(network, source, plain)[0][0].ids == (5, 5, 5, 5)
    found = decode_batch(network, source, DecodeChoices(beam=beam, exact_length=6, no_repeat_at_position=True))
    for answers in found:
        assert answers[0].ids[4:] == (5, 5), "past the end of the source there is nothing to repeat"
        assert all(5 not in one.ids[:4] for one in answers)


def test_the_rule_follows_its_lane_when_others_have_ended():
    """Lanes that end early leave the search; those that stay are still compared with their own source."""
    network, source = make(attention="none"), sources(40, length=9)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3
    found = decode_batch(network, source, DecodeChoices(longest=9, no_repeat_at_position=True))
    assert len({len(answers[0].ids) for answers in found}) > 1, "lanes should end at different steps"
    pairs = [zip(source[:, lane].tolist(), answers[0].ids, strict=False) for lane, answers in enumerate(found)]
    assert all(read != written for pair in pairs for read, written in pair)


def test_scores_are_divided_by_a_power_of_the_length():
    """<eos> counts where there is one: 3 tokens and it, at penalty 0.5, divide by 2."""
    assert Hypothesis((4, 5, 6), -8.0, True).score(0.5) == pytest.approx(-4.0)
    assert Hypothesis((4, 5, 6, 7), -8.0, False).score(0.5) == pytest.approx(-4.0)
    assert Hypothesis((4, 5, 6), -8.0, True).score(0.0) == -8.0


def test_comparing_with_the_source_needs_one_vocabulary():
    """Ids of two vocabularies mean different tokens, so the rule is refused."""
    with pytest.raises(UsageError, match="share one vocabulary"):
        decode_batch(make(shared=False), sources(), DecodeChoices(no_repeat_at_position=True))


def test_answering_leaves_the_network_as_it_was():
    """Dropout rests while answering and acts again afterwards; answers are the same each time."""
    network, source = make(dropout=0.5).train(), sources()
    first, second = (decode_batch(network, source, DecodeChoices(longest=5)) for _ in range(2))
    assert first == second and network.training
    assert decode_batch(network.eval(), source, DecodeChoices(longest=5)) == first and not network.training


@pytest.mark.parametrize(
    "wrong",
    [{"beam": 0}, {"beam": 1001}, {"longest": 0}, {"exact_length": 0}, {"length_penalty": -1.0},
     {"length_penalty": float("nan")}, {"like_source": True, "exact_length": 3}],
    ids=lambda wrong: "-".join(wrong) + f"-{len(str(wrong))}",
)  # fmt: skip
def test_senseless_choices_are_refused(wrong):
    """A choice that no search could follow is said at once."""
    with pytest.raises(UsageError):
        DecodeChoices(**wrong)


SOURCE = Vocabulary((*NAMES, "a", "b", "c", "d"), 4, TokenizerFacts("character"), "")
TARGET = Vocabulary((*NAMES, "<x>", "甲", "乙", "丙"), 5, TokenizerFacts("character"), "")


def test_text_in_text_out():
    """A line is read by the source's vocabulary, blanks around it apart; its answers are text of the target's."""
    network = make(8, shared=False)
    found = answer(network, SOURCE, TARGET, " abca\n", DecodeChoices(beam=2, like_source=True))
    (expected,) = decode_batch(
        network, torch.tensor([[4], [5], [6], [4]]), DecodeChoices(beam=2, like_source=True), specials=5
    )
    assert [one.text for one in found] == [TARGET.decode(one.ids) for one in expected]
    assert [one.tokens for one in found] == [4, 4]
    assert set("".join(one.text for one in found)) <= set("甲乙丙")
    assert [one.log_probability_nats for one in found] == [one.log_probability_nats for one in expected]


def test_nothing_and_unknown_words():
    """An empty line is refused; one of unknown characters is answered all the same."""
    network = make(8, shared=False)
    for empty in ("", " \n "):
        with pytest.raises(UsageError, match="nothing to answer"):
            answer(network, SOURCE, TARGET, empty, DecodeChoices())
    assert len(answer(network, SOURCE, TARGET, "?!", DecodeChoices(longest=3))) == 1


def test_a_network_without_numbers_has_no_answer():
    """Weights that became infinite give an error, not a loop or a made-up text."""
    network = make(8, shared=False)
    with torch.no_grad():
        network.output.weight.fill_(torch.nan)
    with pytest.raises(RnnbenchError, match="no answer"):
        answer(network, SOURCE, TARGET, "ab", DecodeChoices(beam=2))
