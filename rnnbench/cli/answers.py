"""The answers of a seq2seq run: to one line, or to each line of standard input as it comes."""

import json as json_module
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rnnbench.cli import output
from rnnbench.cli.sample import warn_of_unknown
from rnnbench.engine import decoding
from rnnbench.engine.decoding import Answer, DecodeChoices
from rnnbench.engine.encoder_decoder import EncoderDecoder
from rnnbench.engine.loading import LoadedModel
from rnnbench.visible import visible


@dataclass(frozen=True)
class Wanted:
    """How many answers to a line, and how they are looked for."""

    count: int = 1
    beam: int = 1
    like_source: bool = False

    def choices(self) -> DecodeChoices:
        """As the search takes it; a beam keeps as many answers as are wanted."""
        return DecodeChoices(beam=max(self.beam, self.count), like_source=self.like_source)


def answer(model: LoadedModel, prompt: str | None, wanted: Wanted, *, as_json: bool) -> None:
    """The best answers, one on a line; several to a line are followed by a tab and their log-probability in nats.

    A blank line of standard input is answered by a blank line, so that lines and answers stay side by side.
    """
    if not as_json:
        output.say(f"checkpoint of step {model.step}")
    for line in _lines() if prompt is None else [prompt]:
        if prompt is None and not line.strip():
            if not as_json:
                output.data("")
            continue
        _show(model, model.read(line), wanted, as_json=as_json)
        if sys.stdout is not None:
            sys.stdout.flush()


def answers_to(model: LoadedModel, line: str, wanted: Wanted) -> list[Answer]:
    """The best answers to a line, best first. Raises UsageError for a line without tokens."""
    assert isinstance(model.network, EncoderDecoder)
    found = decoding.answer(model.network, model.read_vocabulary, model.vocabulary, line, wanted.choices())
    return found[: wanted.count]


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _show(model: LoadedModel, line: str, wanted: Wanted, *, as_json: bool) -> None:
    warn_of_unknown(model, line)
    for found in answers_to(model, line, wanted):
        if as_json:
            record = {"schema_version": output.SCHEMA_VERSION, "prompt": line, **asdict(found)}
            output.data(json_module.dumps({**record, "checkpoint": model.step}, ensure_ascii=False))
        else:
            beside = f"\t{found.log_probability_nats:.4f}" if wanted.count > 1 else ""
            output.data(f"{visible(found.text)}{beside}")
