"""Texts that a language model writes on from a prompt: streamed, or whole as JSON, with how new they are."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rnnbench.cli import output
from rnnbench.cli.sample import warn_of_unknown
from rnnbench.engine.loading import LoadedModel
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.rescoring import training_ids
from rnnbench.engine.sampling import Decoding, Token, generate
from rnnbench.errors import UsageError
from rnnbench.runs.asking import Sampling
from rnnbench.runs.store import Run
from rnnbench.text import novelty
from rnnbench.text.novelty import Novelty
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

Meter = Callable[[list[int]], Novelty]


@dataclass(frozen=True)
class Wanted:
    """How texts are chosen: one for each seed."""

    choices: Sampling
    seeds: tuple[int, ...]
    echo: bool = False


def meter(workspace: Workspace, run: Run, model: LoadedModel) -> Meter:
    """What tells how much of a text was copied. Raises UsageError when the training text is not there any more."""
    train = training_ids(run, workspace, model)
    if train is None:
        raise UsageError(f"the text that run {run.name} was trained on is not there as it was", "leave out --novelty")
    return lambda ids: novelty.measure(np.array(ids, dtype=np.uint32), train)


def write(model: LoadedModel, prompt: str, wanted: Wanted, meter: Meter | None, *, as_json: bool) -> None:
    """A text for each seed."""
    prompt = model.read(prompt)
    warn_of_unknown(model, prompt)
    if not wanted.choices.greedy and not as_json:
        output.say(f"checkpoint of step {model.step}, seed {wanted.seeds[0]}")
    for seed in wanted.seeds:
        if as_json:
            _as_json(model, prompt, wanted.choices, seed, meter)
        else:
            _stream(model, prompt, wanted, seed, meter)


def tokens(model: LoadedModel, prompt: str, choices: Sampling, seed: int) -> Iterator[Token]:
    """The tokens of one text."""
    assert isinstance(model.network, LanguageModel)
    return generate(model.network, model.vocabulary, prompt, Decoding(**choices.model_dump(), seed=seed))


def _stream(model: LoadedModel, prompt: str, wanted: Wanted, seed: int, meter: Meter | None) -> None:
    """The text as it comes: its exact bytes into a pipe, through the gate on a terminal."""
    terminal, ids = output.is_terminal(), []
    if wanted.echo or terminal:
        _write(visible(prompt, keep_newlines=True) if terminal else prompt)
    for token in tokens(model, prompt, wanted.choices, seed):
        ids.append(token.id)
        _write(visible(token.text, keep_newlines=True) if terminal else token.text)
    if terminal or seed != wanted.seeds[-1]:
        _write("\n")
    if meter is not None:
        output.say(_told(meter(ids), model))


def _told(found: Novelty, model: LoadedModel) -> str:
    shares = ", ".join(f"{n}: {share:.0%}" for n, share in enumerate(found.novel_shares, 1))
    unit = "characters" if model.vocabulary.tokenizer.name == "character" else "tokens"
    of = f"of {found.tokens:,} {unit} the longest copied span has {found.copied:,}"
    return f"novelty: {of}; new n-grams {shares}"


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
    sys.stdout.buffer.flush()


def _as_json(model: LoadedModel, prompt: str, choices: Sampling, seed: int, meter: Meter | None) -> None:
    began = time.perf_counter()
    found = list(tokens(model, prompt, choices, seed))
    seconds = time.perf_counter() - began
    record = {
        "schema_version": output.SCHEMA_VERSION,
        "prompt": prompt,
        "text": "".join(token.text for token in found),
        "tokens": len(found),
        "log_probability_nats": sum(token.log_probability_nats for token in found),
        "tokens_per_second": round(len(found) / seconds, 1) if seconds else 0.0,
        "seed": seed,
        "checkpoint": model.step,
    }
    if meter is not None:
        measured = meter([token.id for token in found])
        shares = {str(n): share for n, share in enumerate(measured.novel_shares, 1)}
        record["novelty"] = {"tokens": measured.tokens, "longest_copied": measured.copied, "novel_shares": shares}
    output.data(json.dumps(record, ensure_ascii=False))
