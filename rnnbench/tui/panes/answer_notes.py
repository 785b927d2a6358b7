"""What stands beneath an answer: its figures, where it came from, and how much of it is new."""

from dataclasses import dataclass

from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.tui.fitting import GAP
from rnnbench.tui.messages import AnswersEnded, NoveltyMeasured, SampleBegun, SampleEnded
from rnnbench.tui.words import tr
from rnnbench.visible import LINE_END

_TOLD = (4, 8)
"""The n-grams that are told of: shorter ones are almost never new, and longer ones almost always."""


@dataclass(frozen=True)
class Note:
    """What is told, whole, and its parts with the most important first: a narrow place shows as many as it can."""

    text: str
    parts: tuple[str, ...]


def of_sample(ended: SampleEnded, begun: SampleBegun | None) -> Note:
    """Tokens, speed, log-probability and perplexity of a text under the model that wrote it."""
    stopped = [tr("stopped")] if ended.cancelled else []
    size = [tr("{n} tokens", n=f"{ended.tokens:,}"), tr("{n} tokens/s", n=f"{ended.tokens_per_second:,.0f}")]
    likely, perplexed = [], []
    if ended.tokens:
        mean = ended.log_probability_nats / ended.tokens
        likely = [tr("{n} nats", n=f"{ended.log_probability_nats:.1f}"), tr("{n} nats/token", n=f"{mean:.3f}")]
        perplexed = [tr("perplexity {n}", n=figure(perplexity(-mean)))]
    whole = [*stopped, *size, *likely, *perplexed, *_seed(begun), *_step(begun), *_unknown(begun)]
    first = [*stopped, *perplexed, *_unknown(begun), *_step(begun), *_seed(begun), *size, *likely]
    return Note(GAP.join(whole), tuple(first))


def of_answers(ended: AnswersEnded, begun: SampleBegun | None) -> Note:
    """How long fillings or answers took."""
    return _with_origin(tr("stopped") if ended.cancelled else f"{ended.seconds:.2f} s", begun)


def of_stopped(begun: SampleBegun | None) -> Note:
    """That an answer was left alone."""
    return _with_origin(tr("stopped"), begun)


def _with_origin(what: str, begun: SampleBegun | None) -> Note:
    whole = [what, *_seed(begun), *_step(begun), *_unknown(begun)]
    return Note(GAP.join(whole), (what, *_step(begun), *_unknown(begun), *_seed(begun)))


def of_novelty(found: NoveltyMeasured) -> Note:
    """The longest stretch that was copied, and how many n-grams are new."""
    counts = {"copied": f"{found.copied:,}", "tokens": f"{found.tokens:,}"}
    copied = tr("copied in one piece: {copied} of {tokens} {unit}", **counts, unit=tr(found.unit))
    shares = [
        tr("{n}-grams {share}", n=n, share=f"{found.new_shares[n - 1]:.0%}")
        for n in _TOLD
        if n <= len(found.new_shares)
    ]
    new = [tr("new: {shares}", shares=", ".join(shares))] if shares else []
    memorised = " " + tr("(memorised)") if found.memorised else ""
    return Note(GAP.join([copied + memorised, *new]), (tr("copied {copied} of {tokens}", **counts) + memorised, *new))


def _seed(begun: SampleBegun | None) -> list[str]:
    return [tr("seed {n}", n=begun.seed)] if begun is not None and begun.seed is not None else []


def _step(begun: SampleBegun | None) -> list[str]:
    return [tr("step {n}", n=f"{begun.step:,}")] if begun is not None else []


def _unknown(begun: SampleBegun | None) -> list[str]:
    """What of the prompt was not known."""
    named = " ".join(begun.unknown).replace("\n", LINE_END) if begun is not None else ""
    return [tr("not in the vocabulary: {symbols}", symbols=named)] if named else []
