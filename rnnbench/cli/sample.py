"""sample: text from a trained model, streamed."""

import json as json_module
import secrets
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench.cli import output
from rnnbench.errors import UsageError
from rnnbench.runs.store import RunStore
from rnnbench.visible import visible

if TYPE_CHECKING:
    from rnnbench.engine.loading import LoadedModel
    from rnnbench.engine.sampling import Decoding


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sample)


def sample(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    length: Annotated[int, typer.Option(min=0, max=10_000_000, help="Tokens to write.")] = 200,
    temperature: Annotated[float, typer.Option(help="Below 1 safer, above 1 wilder.")] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Choose among the k most probable; 0 for all.")] = 0,
    greedy: Annotated[bool, typer.Option("--greedy", help="Always the most probable token.")] = False,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Samples, with consecutive seeds.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, max=2**62, help="Repeats a sample; else drawn.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last or a step.")] = "best",
    echo: Annotated[bool, typer.Option("--echo", help="Write the prompt before the text.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object for each sample.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Answer JSON lines on stdin until it closes.")] = False,
) -> None:
    """Write text from a trained model: only the text on stdout, remarks on stderr."""
    if not 0 < temperature <= 1000:
        hint = "--greedy takes the most probable token"
        raise UsageError(f"--temperature {temperature:g}: it must be above 0 and at most 1000", hint)
    found = RunStore(context.obj).find(run)
    from rnnbench.engine.loading import open_model
    from rnnbench.engine.sampling import Decoding

    if serve:
        from rnnbench.cli import serve as server

        server.serve(found)
        return
    model = open_model(found, checkpoint)
    prompt = model.read(prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    if unknown := model.vocabulary.unknown(prompt):
        output.say(f"warning: not in the vocabulary, read as unknown: {' '.join(map(repr, unknown[:20]))}")
    first = secrets.randbelow(2**31) if seed is None else seed
    if not greedy and not json:
        output.say(f"checkpoint of step {model.step}, seed {first}")
    for number in range(count):
        decoding = Decoding(length, temperature, top_k, greedy, first + number)
        if json:
            _as_json(model, prompt, decoding)
        else:
            _stream(model, prompt, decoding, echo=echo or output.is_terminal(), last=number == count - 1)


def _stream(model: "LoadedModel", prompt: str, decoding: "Decoding", *, echo: bool, last: bool) -> None:
    """The text as it comes: its exact bytes into a pipe, through the gate on a terminal."""
    from rnnbench.engine.sampling import generate

    terminal = output.is_terminal()
    if echo:
        _write(visible(prompt, keep_newlines=True) if terminal else prompt)
    for token in generate(model.network, model.vocabulary, prompt, decoding):
        _write(visible(token.text, keep_newlines=True) if terminal else token.text)
    if terminal or not last:
        _write("\n")


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
    sys.stdout.buffer.flush()


def _as_json(model: "LoadedModel", prompt: str, decoding: "Decoding") -> None:
    from rnnbench.engine.sampling import generate

    began = time.perf_counter()
    tokens = list(generate(model.network, model.vocabulary, prompt, decoding))
    seconds = time.perf_counter() - began
    record = {
        "schema_version": output.SCHEMA_VERSION,
        "prompt": prompt,
        "text": "".join(token.text for token in tokens),
        "tokens": len(tokens),
        "log_probability_nats": sum(token.log_probability_nats for token in tokens),
        "tokens_per_second": round(len(tokens) / seconds, 1) if seconds else 0.0,
        "seed": decoding.seed,
        "checkpoint": model.step,
    }
    output.data(json_module.dumps(record, ensure_ascii=False))
