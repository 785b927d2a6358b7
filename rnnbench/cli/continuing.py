"""Texts that a language model writes on from a prompt: streamed, or whole as JSON, with how new they are."""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnnbench.cli import output
from rnnbench.cli.origins import Shown
from rnnbench.cli.sample import Asked, check_unknown
from rnnbench.engine import beams
from rnnbench.engine.beams import BeamChoices, Continuation
from rnnbench.engine.loading import LoadedModel
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.rescoring import training_ids
from rnnbench.engine.sampling import Decoding, Text, Token, generate, generate_many, ids_before
from rnnbench.errors import UsageError
from rnnbench.runs.store import Run
from rnnbench.text import novelty
from rnnbench.text.novelty import Novelty
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

Meter = Callable[[list[int]], Novelty]
_CONTEXT = 32  # tokens of the training text that are read before a text that begins in it


def write(workspace: Workspace, model: LoadedModel, asked: Asked, shown: Shown) -> None:
    """A text for each seed, or the likeliest ones."""
    prompt = model.read(asked.prompt or "")
    check_unknown(model, prompt, shown.unknown)
    meter = _meter(workspace, shown.origin.run, model) if asked.novelty else None
    seeds = range(asked.seed, asked.seed + (asked.count or 1))
    places = _places(workspace, shown.origin.run, model, seeds if asked.beam is None else seeds[:1], asked)
    if not (asked.choices.greedy or shown.as_json or asked.beam):
        output.say(f"seed {asked.seed}" if shown.headed else f"checkpoint of step {model.step}, seed {asked.seed}")
    if asked.beam is not None:
        _write_likeliest(model, prompt, places[0] if places else [], asked, shown, meter)
    elif len(seeds) == 1 and not shown.as_json:
        tokens = _stream(model, prompt, asked, places[0] if places else [])
        if shown.headed and not output.is_terminal():
            emit("\n")
        _tell(meter, tokens, model)
    else:
        _write_drawn(model, prompt, seeds, places, asked, shown, meter)


def _meter(workspace: Workspace, run: Run, model: LoadedModel) -> Meter:
    """What tells how much of a text was copied. Raises UsageError when the training text is not there any more."""
    train = training_ids(run, workspace, model)
    if train is None:
        raise _gone(run, "--novelty")
    return lambda ids: novelty.measure(np.array(ids, dtype=np.uint32), train)


def _gone(run: Run, option: str) -> UsageError:
    return UsageError(f"the text that run {run.name} was trained on is not there as it was", f"leave out {option}")


def _places(workspace: Workspace, run: Run, model: LoadedModel, seeds: range, asked: Asked) -> list[list[int]]:
    """Tokens of the training text for each seed, at a place which that decides; none where they are not wanted."""
    if not asked.from_corpus:
        return []
    train = training_ids(run, workspace, model)
    if train is None or not len(train):
        raise _gone(run, "--from-corpus")
    starts = [random.Random(seed).randrange(max(len(train) - _CONTEXT, 1)) for seed in seeds]
    return [train[start : start + _CONTEXT].tolist() for start in starts]


def tokens(model: LoadedModel, prompt: str, decoding: Decoding, place: list[int]) -> Iterator[Token]:
    """The tokens of one text, as they come."""
    assert isinstance(model.network, LanguageModel)
    return generate(model.network, model.vocabulary, prompt, decoding, place)


def likeliest(model: LoadedModel, prompt: str, place: list[int], choices: BeamChoices) -> list[Continuation]:
    """What a beam finds, best first."""
    assert isinstance(model.network, LanguageModel)
    before = place or ids_before(model.vocabulary, prompt)
    return beams.search(model.network, model.vocabulary, before, choices)


def pieces(model: LoadedModel, prompt: str, asked: Asked) -> Iterator[tuple[str, int, float]]:
    """One text as it comes: (text, tokens, log-probability in nats); what a beam finds comes whole."""
    if asked.beam is None:
        for token in tokens(model, prompt, Decoding(**asked.choices.model_dump(), seed=asked.seed), []):
            yield token.text, 1, token.log_probability_nats
        return
    choices = asked.choices
    search = BeamChoices(asked.beam, choices.length, asked.length_penalty, choices.stop, choices.banned)
    best = likeliest(model, prompt, [], search)[0]
    yield best.text, best.tokens, best.log_probability_nats


def _stream(model: LoadedModel, prompt: str, asked: Asked, place: list[int]) -> list[int]:
    """The text as it comes: its exact bytes into a pipe, through the gate on a terminal. The ids."""
    ids = []
    _write_prompt(prompt, echo=asked.echo)
    for token in tokens(model, prompt, Decoding(**asked.choices.model_dump(), seed=asked.seed), place):
        ids.append(token.id)
        emit(token.text)
    if output.is_terminal():
        emit("\n")
    return ids


def _write_drawn(
    model: LoadedModel,
    prompt: str,
    seeds: range,
    places: list[list[int]],
    asked: Asked,
    shown: Shown,
    meter: Meter | None,
) -> None:
    """Texts of several seeds, written side by side and told in their order."""
    assert isinstance(model.network, LanguageModel)
    decoding = Decoding(**asked.choices.model_dump(), seed=asked.seed)
    began, total = time.perf_counter(), 0
    texts: Iterator[Text]
    if len(seeds) == 1:  # the same numbers as of the stream, bit by bit
        texts = iter([Text(seeds[0], tuple(tokens(model, prompt, decoding, places[0] if places else [])))])
    else:
        texts = generate_many(model.network, model.vocabulary, prompt, decoding, seeds, places)
    for text in texts:
        total += len(text.tokens)
        seconds = time.perf_counter() - began
        whole, ids = "".join(token.text for token in text.tokens), [token.id for token in text.tokens]
        if shown.as_json:
            nats = sum(token.log_probability_nats for token in text.tokens)
            rate = round(total / seconds, 1) if seconds else 0.0
            values = {"tokens": len(ids), "log_probability_nats": nats, "tokens_per_second": rate, "seed": text.seed}
            _as_json(prompt, whole, values, shown, meter(ids) if meter else None)
            continue
        _write_whole(prompt, whole, asked, last=text.seed == seeds[-1] and not shown.headed)
        _tell(meter, ids, model)


def _write_likeliest(
    model: LoadedModel, prompt: str, place: list[int], asked: Asked, shown: Shown, meter: Meter | None
) -> None:
    count, wide, choices = asked.count or 1, asked.beam or 1, asked.choices
    began = time.perf_counter()
    search = BeamChoices(max(wide, count), choices.length, asked.length_penalty, choices.stop, choices.banned)
    found = likeliest(model, prompt, place, search)
    seconds = time.perf_counter() - began
    for at, one in enumerate(found[:count]):
        ids = model.vocabulary.encode(one.text)
        if shown.as_json:
            rate = round(one.tokens / seconds, 1) if seconds else 0.0
            values = {"tokens": one.tokens, "log_probability_nats": one.log_probability_nats, "score": one.score}
            _as_json(prompt, one.text, {**values, "tokens_per_second": rate}, shown, meter(ids) if meter else None)
            continue
        _write_whole(prompt, one.text, asked, last=at + 1 == min(count, len(found)) and not shown.headed)
        output.say(f"log-probability {one.log_probability_nats:.3f} nats in {one.tokens} tokens")
        _tell(meter, ids, model)


def _write_whole(prompt: str, text: str, asked: Asked, *, last: bool) -> None:
    """A text on lines of its own; the last one in a pipe ends where it ends."""
    _write_prompt(prompt, echo=asked.echo)
    emit(text)
    if output.is_terminal() or not last:
        emit("\n")


def _write_prompt(prompt: str, *, echo: bool) -> None:
    if echo or output.is_terminal():
        emit(prompt)


def _tell(meter: Meter | None, ids: list[int], model: LoadedModel) -> None:
    if meter is not None:
        output.say(_told(meter(ids), model))


def _told(found: Novelty, model: LoadedModel) -> str:
    shares = ", ".join(f"{n}: {share:.0%}" for n, share in enumerate(found.novel_shares, 1))
    unit = "characters" if model.vocabulary.tokenizer.name == "character" else "tokens"
    of = f"of {found.tokens:,} {unit} the longest copied span has {found.copied:,}"
    verdict = " (memorised)" if found.memorised else ""
    return f"novelty: {of}{verdict}; new n-grams {shares}"


def emit(text: str) -> None:
    """Text on stdout: its exact characters into a pipe, through the gate on a terminal."""
    text = visible(text, keep_newlines=True) if output.is_terminal() else text
    sys.stdout.flush()  # a heading may still be there
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
    sys.stdout.buffer.flush()


def _as_json(prompt: str, text: str, values: dict[str, Any], shown: Shown, measured: Novelty | None) -> None:
    record = {"schema_version": output.SCHEMA_VERSION, "prompt": prompt, "text": text, **values}
    record |= shown.origin.record()
    if measured is not None:
        shares = {str(n): share for n, share in enumerate(measured.novel_shares, 1)}
        record["novelty"] = {
            "tokens": measured.tokens,
            "longest_copied": measured.copied,
            "memorised": measured.memorised,
            "novel_shares": shares,
        }
    output.data(json.dumps(record, ensure_ascii=False))
