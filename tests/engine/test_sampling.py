"""Sampling: exact distributions, constant work for each token, nothing but text."""

import dataclasses
import math

import pytest
import torch

from rnnbench.engine import stepping
from rnnbench.engine.filters import Filters, apply_temperature, keep_top_k
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.sampling import Decoding, Draws, choose, generate, generate_many, warm_up
from rnnbench.engine.stepping import Stepper
from rnnbench.errors import RnnbenchError, UsageError

LOGITS = torch.tensor([1.5, -0.3, 0.0, 2.2, 0.9, -2.0])
# Upper 0.1 % points of the chi-square distribution, by degrees of freedom.
CHI_SQUARE = {0: 0.01, 1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}


def softmax(values):
    """The plain definition."""
    weights = [math.exp(value) for value in values]
    return [weight / sum(weights) for weight in weights]


def drawn(decoding, draws=6000):
    """How often each token was chosen."""
    randoms, counts = [] if decoding.greedy else [Draws(decoding.seed)], [0] * len(LOGITS)
    names = [field.name for field in dataclasses.fields(Filters) if field.name != "banned"]
    filters = Filters(**{name: getattr(decoding, name) for name in names})
    for _ in range(draws):
        counts[choose(filters.apply(LOGITS.unsqueeze(0), [filters.history()]), randoms)[0]] += 1
    return counts


def fits(counts, probabilities):
    """Whether the counts can come from the probabilities: nothing impossible, and chi-square below its 0.1 % point."""
    total = sum(counts)
    assert all(count == 0 for count, p in zip(counts, probabilities, strict=True) if p == 0)
    possible = [(count, p * total) for count, p in zip(counts, probabilities, strict=True) if p]
    return sum((count - mean) ** 2 / mean for count, mean in possible) < CHI_SQUARE[len(possible) - 1]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_draws_from_the_scaled_softmax(temperature):
    """Frequencies follow softmax(logits / temperature), and are told apart from those of another temperature."""
    counts = drawn(Decoding(temperature=temperature, seed=11))
    assert fits(counts, softmax([float(value) / temperature for value in LOGITS]))
    assert not fits(counts, softmax([float(value) / (temperature * 1.3) for value in LOGITS]))


@pytest.mark.parametrize("k", [2, 3, 5])
def test_top_k_draws_among_the_k_most_probable(k):
    """The k largest keep their proportions; nothing else is ever chosen."""
    kept = sorted(range(len(LOGITS)), key=lambda i: -LOGITS[i])[:k]
    shares = softmax([float(LOGITS[i]) / 1.5 for i in kept])
    probabilities = [shares[kept.index(i)] if i in kept else 0.0 for i in range(len(LOGITS))]
    assert fits(drawn(Decoding(temperature=1.5, top_k=k, seed=12)), probabilities)


def nucleus(order, shares, p):
    """The shares of the fewest tokens, in that order, which reach p together; scaled to one."""
    kept, total = [], 0.0
    for number in order:
        kept.append(number)
        total += shares[number]
        if total >= p:
            break
    return [shares[i] / total if i in kept else 0.0 for i in range(len(shares))]


@pytest.mark.parametrize("p", [0.3, 0.6, 0.9, 0.97])
def test_top_p_draws_from_the_nucleus(p):
    """The fewest most probable tokens that reach p keep their proportions; nothing else is ever chosen."""
    shares = softmax(LOGITS.tolist())
    expected = nucleus(sorted(range(len(shares)), key=lambda i: -shares[i]), shares, p)
    assert fits(drawn(Decoding(top_p=p, seed=21)), expected)


@pytest.mark.parametrize("p", [0.05, 0.2, 0.6])
def test_min_p_draws_among_the_comparably_probable(p):
    """Whatever is at least p times as probable as the best keeps its proportion."""
    shares = softmax(LOGITS.tolist())
    kept = [share if share >= p * max(shares) else 0.0 for share in shares]
    assert fits(drawn(Decoding(min_p=p, seed=22)), [share / sum(kept) for share in kept])


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_typical_draws_by_nearness_to_the_entropy(p):
    """The fewest tokens that reach p, those first whose surprisal is nearest to the entropy."""
    shares = softmax(LOGITS.tolist())
    entropy = -sum(share * math.log(share) for share in shares)
    order = sorted(range(len(shares)), key=lambda i: abs(-math.log(shares[i]) - entropy))
    assert order[0] != shares.index(max(shares)), "the example must tell it from the nucleus"
    assert fits(drawn(Decoding(typical_p=p, seed=25)), nucleus(order, shares, p))


def test_filters_apply_in_the_stated_order():
    """Temperature before top-p, top-k before both: the distribution of options together is defined."""
    shares = softmax([float(value) / 2 for value in LOGITS])
    best = sorted(range(len(shares)), key=lambda i: -shares[i])[:4]
    kept = [shares[i] if i in best else 0.0 for i in range(len(shares))]
    after = nucleus(best, [share / sum(kept) for share in kept], 0.7)
    assert fits(drawn(Decoding(temperature=2.0, top_k=4, top_p=0.7, seed=24)), after)


def test_a_repetition_penalty_makes_seen_tokens_less_likely():
    """Positive logits are divided, negative ones multiplied; a penalty of 1 leaves them."""
    filters = Filters(repetition_penalty=1.5)
    (changed,) = filters.apply(LOGITS.unsqueeze(0), [filters.history([0, 1])])
    expected = softmax([1.5 / 1.5, -0.3 * 1.5, 0.0, 2.2, 0.9, -2.0])
    assert changed.softmax(-1).tolist() == pytest.approx(expected, abs=1e-6)
    (plain,) = Filters().apply(LOGITS.unsqueeze(0), [Filters().history([0, 1])])
    assert plain.softmax(-1).tolist() == pytest.approx(softmax(LOGITS.tolist()), abs=1e-6)


@pytest.mark.parametrize("k", [0, 6, 7])
def test_top_k_of_all_keeps_all(k):
    """0 means no limit, and a limit above the vocabulary is none."""
    assert torch.equal(keep_top_k(LOGITS, k), LOGITS)


def test_greedy_is_the_most_probable():
    """Whatever temperature, limit and seed say."""
    for decoding in (Decoding(greedy=True), Decoding(greedy=True, temperature=9.0, top_k=2, seed=5)):
        assert drawn(decoding, 20)[3] == 20
    assert drawn(Decoding(top_k=1), 20)[3] == 20


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-44, 1e-300])
def test_a_tiny_temperature_is_greedy(temperature, flush):
    """Approaching zero gives the most probable token, not an overflow, with denormal numbers and without."""
    torch.set_flush_denormal(flush)
    assert drawn(Decoding(temperature=temperature), 20)[3] == 20
    assert not apply_temperature(LOGITS, temperature).isnan().any()


def test_a_huge_temperature_is_uniform():
    """Approaching infinity every token is as likely as any other."""
    assert fits(drawn(Decoding(temperature=1000.0, seed=2)), [1 / 6] * 6)


@pytest.fixture
def speaker(encoded, tiny, make_network):
    """A network, untrained but decided, and its vocabulary with reserved tokens."""
    vocabulary = encoded(tiny(text={"reserved": ("<pad>", "<bos>")})).vocabulary
    network = make_network(len(vocabulary), cell="lstm", layers=2, hidden=16)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 4
    return network.eval(), vocabulary


def write(speaker, prompt="The gull ", **decoding):
    """Tokens that follow the prompt."""
    return list(generate(*speaker, prompt, Decoding(**decoding)))


def test_the_carried_state_equals_re_reading_the_whole_text(speaker):
    """Each token is what a fresh reading of prompt and text so far would choose, with the same log-probability."""
    network, vocabulary = speaker
    for decoding in ({"greedy": True}, {"seed": 3, "temperature": 1.2}):
        ids = vocabulary.encode("The gull ")
        for token in write(speaker, length=40, **decoding):
            logits, _ = warm_up(network, ids)
            assert token.log_probability_nats == pytest.approx(float(logits.log_softmax(-1)[token.id]), abs=1e-4)
            if "greedy" in decoding:
                assert token.id == int(logits[vocabulary.specials :].argmax()) + vocabulary.specials
            ids.append(token.id)


def test_each_token_costs_one_step_of_one_token(speaker, monkeypatch):
    """After the prompt one token is read at a time, and none by the whole network: the work does not grow."""
    read, stepped = [], []
    whole, step = LanguageModel.read, Stepper.step
    monkeypatch.setattr(
        LanguageModel, "read", lambda self, ids, state: read.append(ids.numel()) or whole(self, ids, state)
    )
    monkeypatch.setattr(Stepper, "step", lambda self, ids: stepped.append(len(ids)) or step(self, ids))
    write(speaker, length=30)
    assert read == [len("The gull ")] and stepped == [1] * 29


def test_a_long_prompt_is_read_whole(speaker):
    """A prompt longer than one block gives the logits and the state of reading it token by token."""
    network, vocabulary = speaker
    ids = (vocabulary.encode("The keeper watched the harbour at dawn. ") * 20)[:700]
    logits, state = warm_up(network, ids)
    expected_state = network.initial_state(1)
    with torch.inference_mode():
        for number in ids:
            expected, expected_state = network(torch.tensor([[number]]), expected_state)
    torch.testing.assert_close(logits, expected[0, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(state, expected_state, rtol=0, atol=1e-5)


@pytest.mark.parametrize("decoding", [{"greedy": True}, {"temperature": 1.0}, {"temperature": 50.0}, {"top_k": 2}])
def test_tokens_that_stand_for_no_text_are_never_written(speaker, decoding):
    """Even when the model finds <unk> and the reserved tokens the most likely of all."""
    network, vocabulary = speaker
    assert vocabulary.specials == 3
    with torch.no_grad():
        network.output.bias[: vocabulary.specials] += 100
    tokens = write(speaker, length=200, **decoding)
    assert len(tokens) == 200 and min(token.id for token in tokens) >= vocabulary.specials


def test_seeds_repeat_a_text(speaker):
    """The same seed writes the same text, another seed another; torch's own random numbers are not touched."""
    before = torch.get_rng_state()
    texts = {seed: "".join(t.text for t in write(speaker, length=60, seed=seed)) for seed in (1, 2, 3)}
    torch.rand(5)
    again = {seed: "".join(t.text for t in write(speaker, length=60, seed=seed)) for seed in (1, 2, 3)}
    assert texts == again and len(set(texts.values())) == 3
    torch.set_rng_state(before)
    write(speaker, length=5)
    assert torch.equal(before, torch.get_rng_state())


def test_the_text_is_what_the_ids_decode_to(speaker):
    """Length is in tokens, and each token brings its own piece of text."""
    _, vocabulary = speaker
    tokens = write(speaker, length=50)
    assert len(tokens) == 50
    assert "".join(token.text for token in tokens) == vocabulary.decode(token.id for token in tokens)
    assert write(speaker, length=0) == []


def test_an_empty_prompt_begins_with_any_token(encoded, tiny, make_network):
    """With nothing read, the first token is drawn evenly, and its stated probability is that of an even draw."""
    vocabulary = encoded(tiny()).vocabulary
    plain = (make_network(len(vocabulary), hidden=8).eval(), vocabulary)
    firsts = [write(plain, prompt="", length=1, seed=seed)[0] for seed in range(60)]
    assert len({token.id for token in firsts}) > 15
    assert firsts[0].log_probability_nats == pytest.approx(-math.log(len(vocabulary)))


def test_an_empty_prompt_begins_after_bos_where_it_is_reserved(speaker):
    """<bos> is read, and the first token is what the model finds after it; a prompt that spells it is only text."""
    network, vocabulary = speaker
    bos = vocabulary.tokens.index("<bos>")
    expected, _ = warm_up(network, [bos])
    first = write(speaker, prompt="", length=1)[0]
    assert first.log_probability_nats == pytest.approx(float(expected.log_softmax(-1)[first.id]), abs=1e-5)
    assert bos not in vocabulary.encode("<bos>")


def test_a_context_is_read_in_place_of_an_empty_prompt(speaker):
    """The text goes on from it, and it is not in the text."""
    network, vocabulary = speaker
    context = vocabulary.encode("The gull ")
    told = list(generate(network, vocabulary, "", Decoding(length=20, seed=3), context))
    assert text_of(told) == text_of(write(speaker, length=20, seed=3))


def test_unknown_characters_in_a_prompt_are_read_as_unknown(speaker):
    """A prompt in another script is no error."""
    assert len(write(speaker, prompt="漢字 The", length=5)) == 5


def text_of(tokens):
    """What the tokens say together."""
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_n_gram_is_written_twice(speaker, n):
    """A greedy text of a decided model repeats itself; with the option it never does, and ends where it would have to."""
    plain = [token.id for token in write(speaker, length=120, greedy=True)]
    grams = [tuple(plain[at : at + n]) for at in range(len(plain) - n + 1)]
    assert len(set(grams)) < len(grams)
    ids = [token.id for token in write(speaker, length=120, greedy=True, no_repeat_ngram=n)]
    grams = [tuple(ids[at : at + n]) for at in range(len(ids) - n + 1)]
    assert len(set(grams)) == len(grams) and len(ids) >= n


def test_banned_tokens_are_never_written_and_forced_text_comes_first(speaker):
    """What is banned does not occur; the text begins as it was told, and the state has read that."""
    plain = text_of(write(speaker, length=80, seed=4))
    common = max(set(plain), key=plain.count)
    tokens = write(speaker, length=80, seed=4, banned=(common,), forced="boats")
    assert text_of(tokens).startswith("boats") and common not in text_of(tokens)[5:]
    assert text_of(tokens)[5:] == text_of(write(speaker, prompt="The gull boats", length=75, seed=4, banned=(common,)))


def test_what_is_no_token_cannot_be_banned(speaker):
    """The message names it."""
    with pytest.raises(UsageError, match="漢"):
        write(speaker, banned=("漢",))


@pytest.mark.parametrize("streamed", [False, True])
def test_a_text_ends_before_a_stop_text(speaker, streamed):
    """Nothing of the stop text is told, not even its beginning while it was not complete."""
    plain = text_of(write(speaker, length=200, seed=6))
    stop = plain[50:53]
    pieces = [token.text for token in write(speaker, length=200, seed=6, stop=(stop, "漢字"))]
    assert "".join(pieces) == plain[: plain.index(stop)]
    seen = ""
    for piece in pieces if streamed else []:
        seen += piece
        assert plain.startswith(seen) and len(seen) <= plain.index(stop)


def test_a_stop_text_that_never_comes_loses_nothing(speaker):
    """What looked like its beginning at the end of the text is told after all."""
    plain = text_of(write(speaker, length=60, seed=6))
    assert text_of(write(speaker, length=60, seed=6, stop=(plain[-2:] + "漢",))) == plain


def test_length_in_characters_and_whole_lines(speaker):
    """Characters are counted, not tokens; a whole line ends at a line end or at four times the length."""
    assert len(text_of(write(speaker, length=37, in_characters=True))) == 37
    network, vocabulary = speaker
    line_end = vocabulary.encode("\n")[0]
    with torch.no_grad():
        network.output.bias[line_end] += 3
    text = text_of(write(speaker, length=20, whole_lines=True, temperature=3.0, seed=2))
    assert text.endswith("\n") and 20 <= len(text) < 80 and "\n" not in text[20:-1]
    endless = text_of(write(speaker, length=20, whole_lines=True, banned=("\n",), temperature=3.0))
    assert len(endless) == 80


def test_a_text_ends_where_nothing_may_follow(speaker):
    """When every token has been written once and none may be again, the text is over, without an error."""
    _, vocabulary = speaker
    tokens = write(speaker, length=500, no_repeat_ngram=1)
    assert len(tokens) == len(vocabulary) - vocabulary.specials


EVERY_CELL = [
    ("rnn", "torch"), ("gru", "torch"), ("lstm", "torch"), ("rnn", "fused"), ("gru", "fused"), ("lstm", "fused"),
    ("elman", "scratch"), ("gru_reset_before", "scratch"), ("lstm_layer_norm", "scratch"), ("min_gru", "scratch"),
    ("min_lstm", "scratch"),
]  # fmt: skip


@pytest.mark.parametrize("source", ["embedding", "one_hot", "large"])
@pytest.mark.parametrize(("cell", "implementation"), EVERY_CELL)
def test_single_steps_equal_the_network(make_network, monkeypatch, cell, implementation, source):
    """The prepared steps of each cell give the network's logits and state, lanes chosen anew on the way."""
    if source == "large":
        monkeypatch.setattr(stepping, "_TABLE_NUMBERS", 0)
    inputs = "one_hot" if source == "one_hot" else "embedding"
    if (implementation, inputs) == ("torch", "one_hot"):
        implementation = "scratch"
    network = make_network(11, cell=cell, implementation=implementation, layers=2, hidden=6, input=inputs).eval()
    ids_TB = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    with torch.inference_mode():
        stepper = Stepper(network, *stepping.read(network, ids_TB[:1]))
        stepper.step(ids_TB[1].tolist())
        stepper.select([2, 0, 0])
        found = stepper.step(ids_TB[2].tolist())
        expected = network(
            torch.stack((ids_TB[0, [2, 0, 0]], ids_TB[1, [2, 0, 0]], ids_TB[2])), network.initial_state(3)
        )
    torch.testing.assert_close(found, expected[0][-1], rtol=0, atol=2e-6)


def test_texts_side_by_side_are_those_of_their_seeds(speaker):
    """In the order of the seeds, each drawn from numbers of its own: beside others or alone, but for rounding."""
    network, vocabulary = speaker
    for choices in (
        {"temperature": 0.9},
        {"greedy": True},
        {"top_p": 0.9, "repetition_penalty": 1.2, "no_repeat_ngram": 3},
    ):
        found = list(generate_many(network, vocabulary, "The ", Decoding(length=40, **choices), range(5, 12)))
        assert [text.seed for text in found] == list(range(5, 12))
        for text in found:
            alone = write(speaker, prompt="The ", length=40, seed=text.seed, **choices)
            assert text_of(text.tokens) == text_of(alone)
            nats = [token.log_probability_nats for token in alone]
            assert [token.log_probability_nats for token in text.tokens] == pytest.approx(nats, abs=1e-4)


def test_texts_side_by_side_end_where_each_ends(speaker):
    """A stop text ends its own lane only; the others go on, and more texts than lanes are written in blocks."""
    _, vocabulary = speaker
    plain = text_of(write(speaker, prompt="A", length=60, seed=1))
    choices = Decoding(length=60, stop=(plain[7:9],), forced="a")
    found = list(generate_many(*speaker, "A", choices, range(150)))
    assert len({len(text.tokens) for text in found}) > 5 and len(found) == 150
    for text in found[:3] + found[63:66] + found[-2:]:
        assert text_of(text.tokens) == text_of(
            write(speaker, prompt="A", length=60, seed=text.seed, stop=(plain[7:9],), forced="a")
        )
    assert [text.tokens for text in generate_many(*speaker, "A", Decoding(length=0), [1, 2])] == [(), ()]
    contexts = [vocabulary.encode(word) for word in ("The ", "gull")]
    first, second = generate_many(*speaker, "", Decoding(length=15), [4, 5], contexts)
    assert text_of(first.tokens) == text_of(write(speaker, prompt="The ", length=15, seed=4))
    assert text_of(second.tokens) == text_of(write(speaker, prompt="gull", length=15, seed=5))


def test_numbers_that_are_not_finite_are_an_error(speaker):
    """Weights that have become infinite are told, not drawn from."""
    network, _ = speaker
    with torch.no_grad():
        network.output.weight.fill_(torch.nan)
    with pytest.raises(RnnbenchError, match="not finite"):
        write(speaker, length=3)
