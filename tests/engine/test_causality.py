"""A model that sees what it should predict does not start; every honest one does."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnnbench.config import FUSED_CELLS, TORCH_CELLS
from rnnbench.engine import causality
from rnnbench.engine.causality import CLOZE, NEXT_TOKEN, STEPS, leaking_positions, refuse_leaks
from rnnbench.engine.cells import CELLS
from rnnbench.engine.models import LanguageModel, ScratchStack, TorchStack
from rnnbench.errors import RnnbenchError

VOCABULARY = 11


class Toy(nn.Module):
    """An embedding and a head, with something in between."""

    def __init__(self, width=8):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.output = nn.Linear(width, VOCABULARY)

    def between(self, x_TBE):
        raise NotImplementedError

    @torch.inference_mode()
    def forward(self, ids_TB):
        return self.output(self.between(self.embedding(ids_TB)))


class Bidirectional(Toy):
    """torch's bidirectional layer: the backward half has read the next token."""

    def __init__(self, layers=1):
        super().__init__(width=16)
        self.layer = nn.LSTM(8, 8, layers, bidirectional=True)

    def between(self, x_TBE):
        return self.layer(x_TBE)[0]


class Convolution(Toy):
    """A convolution over time: centred it reads ahead, padded on the left alone it does not."""

    def __init__(self, left, right):
        super().__init__()
        self.padding, self.layer = (left, right), nn.Conv1d(8, 8, left + right + 1)

    def between(self, x_TBE):
        return self.layer(functional.pad(x_TBE.permute(1, 2, 0), self.padding)).permute(2, 0, 1)


class Shifted(Toy):
    """Reads the token that it is asked for: inputs and targets are off by one."""

    def between(self, x_TBE):
        return torch.roll(x_TBE, -1, 0)


class StateFromTheFuture(Toy):
    """Runs forwards, but from a first state that was made of the whole text."""

    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(8, 8)

    def between(self, x_TBE):
        return self.layer(x_TBE, x_TBE.mean(0, keepdim=True))[0]


class Cloze(Toy):
    """Two directions joined at the output, from the states before and after the missing token."""

    def __init__(self, shift=1):
        super().__init__(width=16)
        self.shift = shift
        self.forwards, self.backwards = nn.GRU(8, 8), nn.GRU(8, 8)

    def between(self, x_TBE):
        before, after = self.forwards(x_TBE)[0], self.backwards(x_TBE.flip(0))[0].flip(0)
        nothing = torch.zeros_like(before[:1])
        if self.shift:
            before, after = torch.cat((nothing, before[:-1])), torch.cat((after[1:], nothing))
        return torch.cat((before, after), dim=2)


def small(model):
    """The same model with weights as small as the tutorials draw them: a leak is then faint, but there."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.01) if parameter.dim() > 1 else parameter.zero_()
    return model


ALL_BUT_THE_LAST = list(range(STEPS - 1))


@pytest.mark.parametrize("prepared", [lambda model: model, small], ids=["as drawn", "small weights"])
@pytest.mark.parametrize(
    ("model", "positions"),
    [
        (Bidirectional, ALL_BUT_THE_LAST),
        (lambda: Bidirectional(2), ALL_BUT_THE_LAST),
        (Shifted, ALL_BUT_THE_LAST),
        (lambda: Convolution(1, 1), ALL_BUT_THE_LAST),
        (lambda: Convolution(0, 4), ALL_BUT_THE_LAST),
        (StateFromTheFuture, None),
    ],
    ids=["bidirectional", "two layers", "shifted", "centred", "wide", "first state"],
)
def test_a_planted_leak_is_found(model, positions, prepared):
    """Every way to read ahead is refused before step 1, with the positions that leak."""
    leaking = leaking_positions(prepared(model()), VOCABULARY, NEXT_TOKEN)
    assert leaking
    assert positions is None or leaking == positions


def test_the_refusal_says_what_happened_and_what_to_do():
    """A person learns which positions leak, why a bidirectional model cannot write, and of the cloze task."""
    with pytest.raises(RnnbenchError) as caught:
        refuse_leaks(Bidirectional(), VOCABULARY, NEXT_TOKEN)
    message = str(caught.value)
    assert "positions 0, 1, 2, " in message and f"of {STEPS}" in message
    assert "bidirectional next-token model has read its answer" in message
    assert "cloze" in message


def test_noise_is_not_a_leak():
    """Where two passes over the same text do not agree to the last bit, a movement of that size means nothing."""
    model, random = Convolution(2, 0), torch.Generator().manual_seed(1)

    def noisy(ids_TB):
        exact = model(ids_TB)
        return exact + 1e-6 * torch.randn(exact.shape, generator=random)

    assert leaking_positions(noisy, VOCABULARY, NEXT_TOKEN) == []
    model = Shifted()
    assert leaking_positions(noisy, VOCABULARY, NEXT_TOKEN) == ALL_BUT_THE_LAST


def test_a_leak_at_a_single_place_is_named_alone():
    """Only the position that sees too much is in the list."""

    def logits(ids_TB):
        answers = functional.one_hot(ids_TB, VOCABULARY).float()
        answers[4] += answers[9]
        return answers

    assert leaking_positions(logits, VOCABULARY, NEXT_TOKEN) == [4]


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(
    "values", [{}, {"layers": 3, "dropout": 0.5}, {"input": "one_hot", "initialisation": "normal"}]
)
def test_every_real_cell_passes(kind, values, make_network):
    """With its weights as they are, in every implementation there is; in training mode as before, dropout included."""
    implementations = ["scratch"] + ["fused"] * (kind in FUSED_CELLS)
    implementations += ["torch"] * (kind in TORCH_CELLS and "input" not in values)
    for implementation in implementations:
        network = make_network(cell=kind, implementation=implementation, **values).train()
        before = torch.get_rng_state()
        causality.guard(network)
        assert network.training
        assert torch.equal(torch.get_rng_state(), before), "looking does not change the run"


def test_causal_convolutions_and_tiny_vocabularies_pass():
    """Padding on the left alone is honest; where there is one token, or no dependence at all, nothing can leak."""
    assert leaking_positions(Convolution(2, 0), VOCABULARY, NEXT_TOKEN) == []
    assert leaking_positions(lambda ids: torch.ones(*ids.shape, 1), 1, NEXT_TOKEN) == []
    assert leaking_positions(lambda ids: torch.zeros(*ids.shape, VOCABULARY), VOCABULARY, NEXT_TOKEN) == []


@pytest.mark.parametrize("prepared", [lambda model: model, small], ids=["as drawn", "small weights"])
def test_the_rule_of_the_cloze_task(prepared):
    """A missing token may be guessed from both sides, but not from itself; a causal model fails this rule too."""
    assert leaking_positions(prepared(Cloze()), VOCABULARY, CLOZE) == []
    assert leaking_positions(prepared(Cloze()), VOCABULARY, NEXT_TOKEN), "it does read ahead"
    everywhere = list(range(STEPS))
    assert leaking_positions(prepared(Cloze(shift=0)), VOCABULARY, CLOZE) == everywhere
    assert leaking_positions(prepared(Bidirectional(2)), VOCABULARY, CLOZE) == everywhere
    assert leaking_positions(prepared(Convolution(2, 0)), VOCABULARY, CLOZE) == everywhere


class Peeking(nn.Module):
    """A recurrent stack that has been given the tokens in the wrong order."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def forward(self, x, *others):
        outputs, state = self.stack(x.flip(0), *others)
        return outputs.flip(0), state


@pytest.mark.parametrize("stack", [ScratchStack, TorchStack])
def test_a_run_of_a_leaking_model_does_not_start(stack, trainings, tiny, monkeypatch):
    """The run ends before its first step and before its first checkpoint."""
    made = LanguageModel.__init__

    def spoiled(self, *arguments, **options):
        made(self, *arguments, **options)
        self.stack = Peeking(self.stack)

    monkeypatch.setattr(LanguageModel, "__init__", spoiled)
    implementation = "torch" if stack is TorchStack else "scratch"
    run = trainings.run("leaks", tiny(model={"implementation": implementation}))
    with pytest.raises(RnnbenchError, match="sees what it should predict"):
        trainings.go_on(run)
    assert not any(run.checkpoints.glob("*.json"))


def test_the_guard_is_a_small_part_of_a_step(make_network):
    """It reads fewer tokens than one training step of an ordinary batch, so it takes well under a second."""
    network = make_network(4000, hidden=256, embedding=128)
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    causality.guard(network)
    assert 0 < sum(seen) < 32 * 35
