"""The cloze task: a missing token is guessed from both sides, never from itself, and every token once."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from rnnbench import sizing
from rnnbench.config import FUSED_CELLS, TORCH_CELLS, ModelConfig
from rnnbench.engine import causality, checkpoints, evaluation, optimization
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.cells import CELLS
from rnnbench.engine.evaluation import measure_missing
from rnnbench.engine.models import ScratchStack, first_state
from rnnbench.engine.window_batches import WindowBatches
from rnnbench.errors import RnnbenchError, Stopped, UsageError
from rnnbench.runs.events import EvaluationDone, RunStarted, SampleDrawn

VOCABULARY = 11
KINDS = [
    *((cell, implementation, "embedding") for cell in CELLS for implementation in ("auto", "scratch")),
    *((cell, "fused", kind) for cell in FUSED_CELLS for kind in ("embedding", "one_hot")),
    *((cell, "torch", "embedding") for cell in TORCH_CELLS),
    *((cell, "scratch", "one_hot") for cell in CELLS),
]


def make(vocabulary=VOCABULARY, **values):
    """A small network of the cloze task."""
    return ClozeModel(
        ModelConfig(**{"task": "cloze", "cell": "gru", "hidden": 7, "embedding": 5, **values}), vocabulary
    )


def as_split(ids):
    """A split of these ids; what its text weighs does not matter here."""
    return SimpleNamespace(
        name="validation", ids=np.asarray(ids), characters=len(ids), bytes=len(ids), unknown_tokens=0, spelling_nats=0
    )


def numbers(*shape):
    """Ids of a text, any."""
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(5))


def state_after(network, stack, ids_TB):
    """The output of a direction that has read these tokens one by one, as dense vectors; zeros after none."""
    batch = ids_TB.shape[1]
    state = first_state(network.config, batch, network.output.weight, network.seed)
    y = torch.zeros(1, batch, network.config.hidden)
    table = torch.eye(VOCABULARY) if network.embedding is None else network.embedding.weight
    for ids_B in ids_TB:
        y, state = stack(table[ids_B].unsqueeze(0), state)
    return y[0]


def reference(network, ids_TB):
    """Every position on its own: what is before it read forwards, what is after it backwards."""
    rows = []
    for t in range(len(ids_TB)):
        before = state_after(network, network.forwards, ids_TB[:t])
        after = state_after(network, network.backwards, ids_TB[t + 1 :].flip(0))
        rows.append(network.output(torch.cat((before, after), dim=1)))
    return torch.stack(rows)


@pytest.mark.parametrize(("cell", "implementation", "kind"), KINDS)
def test_a_guess_is_made_of_the_states_before_and_after(cell, implementation, kind):
    """The logits are those of reading both sides of every position separately, in every cell and implementation."""
    network = make(cell=cell, implementation=implementation, input=kind, layers=2).eval()
    ids = numbers(6, 3)
    with torch.inference_mode():
        torch.testing.assert_close(network(ids), reference(network, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("implementation", ["scratch", "torch"])
@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_texts_have_a_guess(length, implementation):
    """A single token is guessed from nothing: by the output's bias alone."""
    network = make(implementation=implementation)
    logits = network(numbers(length, 2))
    assert logits.shape == (length, 2, VOCABULARY)
    if length == 1:
        torch.testing.assert_close(logits[0, 0], network.output.bias)


@pytest.mark.parametrize("inside", [slice(0, 9), slice(2, 7), slice(0, 3), slice(6, 9), slice(4, 5)], ids=str)
def test_the_loss_is_that_of_the_inner_positions(inside):
    """Margins are read and not scored; reading no further than needed changes nothing."""
    network, ids, targets = make(layers=2), numbers(9, 4), numbers(9, 4).flip(0)
    whole = network(ids)[inside]
    torch.testing.assert_close(network.output(network.read(ids, inside)), whole)
    expected = functional.cross_entropy(whole.flatten(0, 1), targets[inside].flatten())
    torch.testing.assert_close(network.loss(ids, targets, inside), expected)


def test_dropout_is_drawn_while_training_only():
    """Two passes in training differ, two while scoring do not."""
    network, ids = make(dropout=0.5), numbers(8, 4)
    assert not torch.equal(network.train()(ids), network(ids))
    assert torch.equal(network.eval()(ids), network(ids))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_those_the_form_shows(cell, layers):
    """What is told before torch is loaded is what torch counts, part by part."""
    for kind in ("embedding", "one_hot"):
        network = make(cell=cell, layers=layers, input=kind)
        counts = sizing.weight_counts(network.config, VOCABULARY)
        assert sum(counts.values()) == sum(parameter.numel() for parameter in network.parameters())
        stacks = [*network.forwards.parameters(), *network.backwards.parameters()]
        shown = sum(count for name, count in counts.items() if name.startswith("layer"))
        assert shown == sum(parameter.numel() for parameter in stacks)


# -- the guard ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "values", [{}, {"layers": 3, "dropout": 0.5}, {"input": "one_hot", "initialisation": "normal"}]
)
def test_every_real_network_passes_the_guard(cell, values):
    """With its weights as they are, in training mode as before; looking draws no random number."""
    network = make(cell=cell, **values).train()
    before = torch.get_rng_state()
    causality.guard_cloze(network)
    assert network.training
    assert torch.equal(torch.get_rng_state(), before)


def joined_at(left, right):
    """A way to read that takes the forward state at t + left and the backward one at t + right; (-1, 1) is honest."""

    def read(self, ids_TB, inside=slice(None)):
        before, after = self._side(self.forwards, ids_TB), self._side(self.backwards, ids_TB.flip(0)).flip(0)
        count = len(ids_TB)  # before[n] has read n tokens, after[n] all from n on
        return self.join(before[1 + left : 1 + left + count], after[right : right + count])[inside]

    return read


@pytest.mark.parametrize("initialisation", ["torch", "normal"])
@pytest.mark.parametrize("places", [(0, 0), (0, 1), (-1, 0)], ids=["both", "left", "right"])
def test_a_planted_leak_is_refused(places, initialisation, monkeypatch):
    """A model that joins its states at t, of one direction or both, is refused with the reason; the honest one is not."""
    network = make(initialisation=initialisation)
    monkeypatch.setattr(ClozeModel, "read", joined_at(-1, 1))
    causality.guard_cloze(network)
    monkeypatch.setattr(ClozeModel, "read", joined_at(*places))
    with pytest.raises(RnnbenchError, match="only the token to be guessed was changed"):
        causality.guard_cloze(network)


def test_a_run_of_a_leaking_model_does_not_start(trainings, cloze, monkeypatch):
    """It ends before its first step and before its first checkpoint."""
    monkeypatch.setattr(ClozeModel, "read", joined_at(0, 0))
    run = trainings.run("leaks", cloze())
    with pytest.raises(RnnbenchError, match="sees what it should predict"):
        trainings.go_on(run)
    assert not any(run.checkpoints.glob("*.json"))


# -- scoring -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(make_training, make_text):
    """A network trained for a moment, and text it has not seen."""
    torch.manual_seed(3)
    text = make_text(20_000)
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    network = make(len(letters), hidden=32, embedding=16)
    training = make_training(batch_size=8, steps_per_sequence=32, learning_rate=0.01, optimizer="adam")
    batches, optimizer = (
        WindowBatches(ids[:14_000], training),
        optimization.make_optimizer(network.parameters(), training),
    )
    for step in range(25):
        batch = batches.batch(step)
        loss = network.loss(batch.ids_TB, batch.targets_TB, batch.inside)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, ids[14_000:]


def by_hand(network, ids):
    """Loss and accuracies of one pass over the whole text, in double precision."""
    double = type(network)(network.config, network.vocabulary).double()
    double.load_state_dict(network.state_dict())
    with torch.inference_mode():
        log_p = double.eval()(torch.as_tensor(ids).unsqueeze(1))[:, 0].log_softmax(1)
    own = log_p[torch.arange(len(ids)), torch.as_tensor(ids)]
    better = (log_p > own.unsqueeze(1)).sum(1)
    return -own.mean().item(), (better < 1).double().mean().item(), (better < 5).double().mean().item()


def test_the_figures_are_those_of_the_plain_pass(trained):
    """Windows with margins give the loss and the accuracies of a single pass over the text."""
    network, ids = trained
    found = measure_missing(network, as_split(ids))
    loss, first, fifth = by_hand(network, ids)
    assert found.score.loss_nats == pytest.approx(loss, rel=1e-3)
    assert found.figures == pytest.approx({"accuracy_at_1": first, "accuracy_at_5": fifth}, abs=1e-3)
    assert 0.4 < first < fifth < 1, "the network has learnt something"


@pytest.mark.parametrize("tokens", [1, 2, 127, 512, 513, 640, 1025, 2000])
def test_every_token_is_scored_once_in_windows_as_in_one(trained, tokens):
    """N of N tokens, and within a thousandth the figure of a single pass, wherever the text ends."""
    network, ids = trained
    cut, whole = (measure_missing(network, as_split(ids[:tokens]), inner=inner).score for inner in (512, tokens))
    assert (cut.tokens_scored, cut.tokens_total, cut.tokens_given, cut.coverage) == (tokens, tokens, 0, 1.0)
    assert cut.loss_nats == pytest.approx(whole.loss_nats, rel=1e-3)


def test_without_margins_the_figure_would_be_another(trained):
    """The margins are what makes windows agree with a single pass."""
    network, ids = trained
    whole, cold = (measure_missing(network, as_split(ids), inner=16, margin=margin).score for margin in (128, 0))
    assert cold.perplexity / whole.perplexity > 1.01


def test_the_size_of_a_block_does_not_matter(trained, monkeypatch):
    """Windows side by side and rows of logits are cut to a budget of memory; the figures stay."""
    network, ids = trained
    whole = measure_missing(network, as_split(ids[:3000]))
    for budget in (1, 700 * network.vocabulary):
        monkeypatch.setattr(evaluation, "_LOGIT_BUDGET", budget)
        monkeypatch.setattr(evaluation, "_OUTPUT_BUDGET", budget)
        cut = measure_missing(network, as_split(ids[:3000]), inner=300)
        assert cut.score.loss_nats == pytest.approx(whole.score.loss_nats, rel=1e-3)
        assert cut.score.tokens_scored == 3000


def test_scoring_changes_nothing_and_can_be_left(trained):
    """No random number is drawn; the check is asked at every batch of windows, and what it raises ends the work."""
    network, ids = trained
    random, looks = torch.get_rng_state(), []
    assert measure_missing(network, as_split(ids[:900])) == measure_missing(network, as_split(ids[:900]))
    assert torch.equal(random, torch.get_rng_state())

    def check():
        looks.append(None)
        if len(looks) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        measure_missing(network, as_split(ids), check=check)
    assert len(looks) == 2


# -- runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cloze(tiny):
    """A small run of the cloze task."""

    def configure(**tables):
        tables["model"] = {"task": "cloze", "cell": "gru", **tables.get("model", {})}
        tables["training"] = {"max_steps": 24, "margin": 4, **tables.get("training", {})}
        return tiny(**tables)

    return configure


def of_kind(events, kind):
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def test_a_run_tells_a_pseudo_score_and_accuracies(trainings, cloze):
    """Every evaluation scores all tokens, with both accuracies; the test split is scored too; the loss falls."""
    events = trainings.go_on(trainings.run("cloze", cloze(training={"max_steps": 60, "learning_rate": 0.03})))
    started = of_kind(events, RunStarted)[0]
    evaluations = of_kind(events, EvaluationDone)
    validation = [event for event in evaluations if event.split == "validation"]
    assert started.task == "cloze"
    assert all(event.score.coverage == 1 and event.tokens_given == 0 for event in evaluations)
    assert all(event.tokens_total == started.validation_tokens for event in validation)
    assert all(0 <= e.figures["accuracy_at_1"] <= e.figures["accuracy_at_5"] <= 1 for e in evaluations)
    assert validation[-1].loss_nats < validation[0].loss_nats - 0.3
    assert evaluations[-1].split == "test"


@pytest.mark.parametrize(("cell", "dropout"), [("lstm", 0.3), ("elman", 0.0)])
def test_a_run_in_pieces_is_the_run_in_one_go(cell, dropout, trainings, cloze, outcome_of):
    """Weights, moments, losses, scores and samples are equal bit by bit, wherever it stopped."""
    config = cloze(model={"cell": cell, "dropout": dropout, "layers": 2}, training={"blank_share": 0.2})
    expected = outcome_of(trainings.whole("whole", config))
    run, stops = trainings.in_pieces("pieces", config, looks=7)
    assert stops > 3
    assert outcome_of(run) == expected


def test_samples_are_fillings(trainings, cloze):
    """Each prompt is shown with its blanks, then filled; what lies between them is as it was written."""
    config = cloze(evaluation={"every_steps": 24, "sample_length": 8, "sample_prompts": ["the b__t", "a _ull"]})
    samples = of_kind(trainings.go_on(trainings.run("cloze", config)), SampleDrawn)
    assert {sample.prompt for sample in samples} == {"the b__t", "a _ull"}
    last = samples[-1].text.split(" | ")
    assert len(last) == 3
    assert all(text.startswith("a ") and text[3:].startswith("ull (") and text.endswith("%)") for text in last)


def test_without_a_prompt_the_validation_text_is_filled(trainings, cloze, encoded):
    """Three single tokens of its opening are blanked out, no two of them neighbours."""
    config = cloze(training={"max_steps": 1})
    corpus = encoded(config)
    sample = of_kind(trainings.go_on(trainings.run("cloze", config)), SampleDrawn)[-1]
    opening = corpus.vocabulary.decode(corpus.split("validation").ids[: len(sample.prompt)])
    hidden = [place for place, shown in enumerate(sample.prompt) if shown != opening[place]]
    assert [sample.prompt[place] for place in hidden] == ["_"] * 3
    assert min(np.diff(hidden)) > 1


@pytest.mark.parametrize("prompt", ["nothing is missing", "_" * 17])
def test_a_prompt_that_cannot_be_filled_is_refused_at_the_start(prompt, trainings, cloze):
    """Not at the first evaluation, which may be an hour later."""
    run = trainings.run("cloze", cloze(evaluation={"sample_prompts": [prompt]}))
    with pytest.raises(UsageError, match="blank"):
        trainings.go_on(run)
    assert not any(run.checkpoints.glob("*.json"))


def test_the_best_weights_give_the_recorded_score(trainings, cloze, encoded):
    """What the log says of the best step is what its stored weights score."""
    config = cloze()
    run = trainings.run("cloze", config)
    best = [e for e in of_kind(trainings.go_on(run), EvaluationDone) if e.best][-1]
    corpus = encoded(config)
    network = ClozeModel(config.model, len(corpus.vocabulary), seed=config.training.seed)
    tensors = checkpoints.load(checkpoints.choose(run.checkpoints, "best")).tensors
    network.load_state_dict({name: tensors[f"model.{name}"] for name in network.state_dict()})
    found = measure_missing(network, corpus.split("validation"))
    assert (found.score.loss_nats, dict(found.figures)) == (best.loss_nats, best.figures)


def test_one_hot_input_is_looked_up():
    """Both directions are given ids, never rows as wide as the vocabulary."""
    network, seen = make(5000, input="one_hot", cell="rnn"), []
    for stack in (network.forwards, network.backwards):
        assert isinstance(stack, ScratchStack)
        stack.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0].dtype, inputs[0].shape)))
    network.loss(numbers(9, 4), numbers(9, 4), slice(2, 7))
    assert seen == [(torch.int64, (6, 4)), (torch.int64, (6, 4))]
