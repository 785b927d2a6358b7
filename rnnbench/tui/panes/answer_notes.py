"""What stands beneath an answer: its figures, where it came from, and how much of it is new."""

from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.tui.messages import AnswersEnded, NoveltyMeasured, SampleBegun, SampleEnded
from rnnbench.tui.words import tr

_TOLD = (4, 8)
"""The n-grams that are told of: shorter ones are almost never new, and longer ones almost always."""


def of_sample(ended: SampleEnded, begun: SampleBegun | None) -> str:
    """Tokens, speed, log-probability and perplexity of a text under the model that wrote it."""
    parts = [tr("stopped")] if ended.cancelled else []
    parts += [tr("{n} tokens", n=f"{ended.tokens:,}"), tr("{n} tokens/s", n=f"{ended.tokens_per_second:,.0f}")]
    if ended.tokens:
        mean = ended.log_probability_nats / ended.tokens
        parts += [
            tr("{n} nats", n=f"{ended.log_probability_nats:.1f}"),
            tr("{n} nats/token", n=f"{mean:.3f}"),
            tr("perplexity {n}", n=figure(perplexity(-mean))),
        ]
    return "  ".join([*parts, *origin(begun)])


def of_answers(ended: AnswersEnded, begun: SampleBegun | None) -> str:
    """How long fillings or answers took."""
    what = tr("stopped") if ended.cancelled else f"{ended.seconds:.2f} s"
    return "  ".join([what, *origin(begun)])


def of_novelty(found: NoveltyMeasured) -> str:
    """The longest stretch that was copied, and how many n-grams are new."""
    copied = tr(
        "copied in one piece: {copied} of {tokens} {unit}",
        copied=f"{found.copied:,}",
        tokens=f"{found.tokens:,}",
        unit=tr(found.unit),
    )
    shares = [
        tr("{n}-grams {share}", n=n, share=f"{found.new_shares[n - 1]:.0%}")
        for n in _TOLD
        if n <= len(found.new_shares)
    ]
    new = [tr("new: {shares}", shares=", ".join(shares))] if shares else []
    return "  ".join([copied + (" " + tr("(memorised)") if found.memorised else ""), *new])


def origin(begun: SampleBegun | None) -> list[str]:
    """Where an answer came from, and what of the prompt was not known."""
    if begun is None:
        return []
    seed = [] if begun.seed is None else [tr("seed {n}", n=begun.seed)]
    named = " ".join(begun.unknown)
    unknown = [tr("not in the vocabulary: {symbols}", symbols=named)] if begun.unknown else []
    return [*seed, tr("step {n}", n=f"{begun.step:,}"), *unknown]
