"""The answers of a seq2seq run: to one line, or to each line of standard input as it comes."""

import json as json_module
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rnnbench.cli import output
from rnnbench.cli.origins import Shown
from rnnbench.cli.sample import check_unknown
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
    length_penalty: float = 1.0

    def choices(self) -> DecodeChoices:
        """As the search takes it; a beam keeps as many answers as are wanted."""
        width = max(self.beam, self.count)
        return DecodeChoices(beam=width, like_source=self.like_source, length_penalty=self.length_penalty)


def answer(model: LoadedModel, prompt: str | None, wanted: Wanted, shown: Shown) -> None:
    """The best answers, one on a line; several to a line are followed by a tab and their log-probability in nats.

    A blank line of standard input is answered by a blank line, so that lines and answers stay side by side.
    """
    if not (shown.as_json or shown.headed):
        output.say(f"checkpoint of step {model.step}")
    for line in _lines() if prompt is None else [prompt]:
        if prompt is None and not line.strip():
            if not shown.as_json:
                output.data("")
            continue
        show(model, model.read(line), wanted, shown)
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


def show(model: LoadedModel, line: str, wanted: Wanted, shown: Shown) -> None:
    """The best answers to a line that was read as the model reads."""
    check_unknown(model, line, shown.unknown)
    for found in answers_to(model, line, wanted):
        if shown.as_json:
            record = {"schema_version": output.SCHEMA_VERSION, "prompt": line, **asdict(found)}
            output.data(json_module.dumps({**record, **shown.origin.record()}, ensure_ascii=False))
        else:
            beside = f"\t{found.log_probability_nats:.4f}" if wanted.count > 1 else ""
            output.data(f"{visible(found.text)}{beside}")
