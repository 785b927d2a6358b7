"""What is measured of a model, named and formatted for people in one place."""

from collections.abc import Mapping
from dataclasses import dataclass

from rnnbench.metrics import Score, perplexity
from rnnbench.visible import visible

CLOZE, SEQ2SEQ = "cloze", "seq2seq"
_PERPLEXITY, _PSEUDO = "perplexity", "pseudo-perplexity"


@dataclass(frozen=True)
class _Kind:
    """A figure beside the loss: what people call it, and whether it is a share from 0 to 1, shown in percent."""

    label: str
    share: bool = True


_KINDS = {
    "accuracy_at_1": _Kind("accuracy at 1"),
    "accuracy_at_5": _Kind("accuracy at 5"),
    "bleu": _Kind("BLEU", share=False),
    "chrf": _Kind("chrF", share=False),
    "exact_match": _Kind("exact match"),
    "length_match": _Kind("length match"),
    "position_repeat": _Kind("position repeat"),
}


def figure(value: float) -> str:
    """A perplexity with about four digits."""
    if value >= 1e6:
        return f"{value:.2e}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}" if value >= 10 else f"{value:.3f}"


def perplexity_name(task: str) -> str:
    """What exp(loss) of a task is: a cloze model has read both sides of what it predicts, so its is another figure.

    Pseudo-perplexity: Salazar et al. 2020. It must never be compared with a perplexity.
    """
    return _PSEUDO if task == CLOZE else _PERPLEXITY


def long_perplexity_name(task: str) -> str:
    """The same, saying of pairs which tokens are counted."""
    return f"{_PERPLEXITY} per target token" if task == SEQ2SEQ else perplexity_name(task)


def figure_text(name: str, value: float) -> str:
    """A figure beside the loss with its name: accuracy at 1 61.2 %, BLEU 23.1."""
    kind = _KINDS.get(name)
    if kind is None:
        return f"{visible(name.replace('_', ' '), limit=40)} {value:.4g}"
    return f"{kind.label} {value * 100:.1f}%" if kind.share else f"{kind.label} {value:.1f}"


def figure_texts(figures: Mapping[str, float]) -> list[str]:
    """All of them, in the order in which the task gave them."""
    return [figure_text(name, value) for name, value in figures.items()]


def bits_per_character(score: Score, task: str) -> float | None:
    """Bits per character of a score; none of a pseudo-likelihood, with which no text could be coded."""
    return None if task == CLOZE else score.bits_per_character


def score_text(score: Score, task: str = "language_model") -> str:
    """A score as text: perplexity first, the figure that compares across vocabularies beside it."""
    bits = bits_per_character(score, task)
    text = f"{long_perplexity_name(task)} {figure(score.perplexity)}  loss {score.loss_nats:.4f} nats"
    return text + (f"  {bits:.3f} bits/character" if bits is not None else "")


def baselines_text(uniform_nats: float, unigram_nats: float, ngram_nats: float | None, task: str) -> str:
    """What guessing and counting achieve on the validation split. A 5-gram has read one side only, and that is said."""
    side = " (left to right)" if task == CLOZE else ""
    counted = f", a 5-gram {figure(perplexity(ngram_nats))}{side}" if ngram_nats is not None else ""
    return f"a uniform guess {figure(perplexity(uniform_nats))}, a unigram {figure(perplexity(unigram_nats))}{counted}"
