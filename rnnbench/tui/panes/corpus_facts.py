"""What is said about a text below the list: facts, splits, tokens, baselines, its opening. Pure functions."""

from collections.abc import Iterable, Sequence

from textual.content import Content

from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.text.descriptions import CorpusDescription
from rnnbench.tui.describer import Described, Reading
from rnnbench.tui.panes.paragraph import filled
from rnnbench.tui.words import later, tr
from rnnbench.visible import LINE_END, visible

_GAP = "  "

PHASES = (
    later("checking the text"),
    later("reading the text"),
    later("cutting lines into tokens"),
    later("counting tokens"),
    later("writing ids"),
    later("verifying ids"),
    later("counting n-grams"),
)
"""What is done with a text, as whoever does it calls it."""
SPLITS = (later("train"), later("validation"), later("test"))


def facts(answer: Described | None, reading: Reading | None, width: int) -> Iterable[Content]:
    """Length, encoding, vocabulary, splits; or what is wrong with the text; or how far its reading is. In lines of
    `width` cells, in which a figure stays with what it is of."""
    if answer is None:
        yield Content.styled(_progress(reading), "dim")
        return
    if answer.description is None:
        yield Content.styled(visible(answer.problem), "$text-error")
        hint = tr("{key[turn_encoding]} tries another encoding, {key[turn_errors]} replaces bytes that are not text")
        yield Content.styled(hint, "dim")
        return
    found = answer.description
    yield from _flowed(_length(found), width)
    yield from _flowed(_vocabulary(found), width)
    yield from _changes(found)
    yield from _flowed(
        (
            Content.assemble((f"{tr(split.name)} ", "dim"), f"{split.tokens:,}")
            for split in found.splits
            if split.tokens
        ),
        width,
    )
    unknown = {split.name: split.out_of_vocabulary_rate for split in found.splits}.get("validation", 0.0)
    if unknown:
        share = (f"{unknown:.2%}", "$text-warning")
        yield filled(tr("{share} of the validation tokens are unknown"), share=share)


def _flowed(items: Iterable[Content], width: int) -> Iterable[Content]:
    """Items side by side, none of them broken."""
    line = Content("")
    for item in items:
        if line and line.cell_length + len(_GAP) + item.cell_length > width:
            yield line
            line = item
        else:
            line = Content.assemble(line, _GAP, item) if line else item
    if line:
        yield line


def _length(found: CorpusDescription) -> Iterable[Content]:
    """Characters, lines, and the encoding they were read in."""
    yield filled(tr("{count} characters"), count=(f"{found.characters:,}", "bold"))
    lines = tr("{count} line") if found.lines == 1 else tr("{count} lines")
    yield filled(lines, count=(f"{found.lines:,}", "bold"))
    share = f"{found.encoding_confidence:.0%}"
    guessed = found.encoding_confidence < 1
    yield Content(tr("{encoding} ({share} sure)", encoding=found.encoding, share=share) if guessed else found.encoding)


def _vocabulary(found: CorpusDescription) -> Iterable[Content]:
    """How many different tokens there are, and of how many texts."""
    size = (f"{found.vocabulary_size:,}", "bold")
    yield filled(tr("vocabulary of {count} ({tokenizer})"), count=size, tokenizer=found.tokenizer)
    if len(found.members) > 1:
        yield Content(tr("{count} texts", count=f"{len(found.members):,}"))


def _changes(found: CorpusDescription) -> Iterable[Content]:
    """What is not as it is in the file."""
    if found.switches:
        yield Content.styled(tr("changed by {switches} (lossy)", switches=", ".join(found.switches)), "$text-warning")
    if found.replaced == 1:
        yield Content.styled(tr("1 character replaced: bytes that are not text"), "$text-warning")
    elif found.replaced:
        count = f"{found.replaced:,}"
        yield Content.styled(tr("{count} characters replaced: bytes that are not text", count=count), "$text-warning")


def _progress(reading: Reading | None) -> str:
    if reading is None:
        return tr("reading the text ...")
    return f"{visible(tr(reading.phase))} {reading.share:.0%}"


def contents(answer: Described | None) -> Iterable[Content]:
    """How the text is cut and what is frequent in it."""
    found = answer.description if answer else None
    if found is None:
        return
    if found.tokenizer != "character":
        yield Content.assemble((tr("tokens"), "dim"), " ", *_alternating(found.opening))
    common = " ".join(_symbol(token) for token, _ in found.most_common[:14])
    yield Content.assemble((tr("most common"), "dim"), f" {common}")


def _alternating(tokens: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Tokens one after the other, every second one underlined, so that their edges show."""
    for number, token in enumerate(tokens):
        yield _symbol(token), "underline" if number % 2 else ""


def baselines(answer: Described | None, reading: Reading | None, width: int, *, chosen: bool) -> Iterable[Content]:
    """What guessing and counting achieve on the chosen text: the figures a network has to beat."""
    if answer is None or not answer.baselines:
        if chosen and answer is None:
            share = f"{reading.share:.0%}" if reading is not None else "..."
            yield Content.styled(tr("counting baselines {share}", share=share), "dim")
        return
    perplexities = [
        Content.assemble((f"{tr(row.name)} ", "dim"), figure(perplexity(row.loss_nats)))
        for row in answer.baselines
        if row.loss_nats is not None and row.name != "uniform"
    ]
    yield from _flowed(_titled(tr("perplexity of"), perplexities), width)
    bits = [
        Content.assemble((f"{tr(row.name)} ", "dim"), f"{row.bits_per_character:.2f}")
        for row in answer.baselines
        if row.bits_per_character is not None and row.name not in ("uniform", "unigram")
    ]
    yield from _flowed(_titled(tr("bits/character"), bits), width)


def _titled(title: str, items: Sequence[Content]) -> Iterable[Content]:
    """The items, the first of them with the title of all."""
    yield Content.assemble((title, "dim"), " ", *items[:1])
    yield from items[1:]


def _symbol(token: str) -> str:
    return {" ": "␣", "\n": LINE_END}.get(token, visible(token))


def opening(text: str) -> Iterable[Content]:
    """How the text begins."""
    if text:
        yield Content.styled(visible(text, keep_newlines=True).strip("\n"), "dim")
