"""runs export: a trained model as files that need no rnnbench."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rnnbench.cli import output
from rnnbench.runs.store import RunStore


class Format(StrEnum):
    """What the weights are written as."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


def export(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.", show_default=False)],
    checkpoint: Annotated[str, typer.Option(help="best, last or a step.")] = "best",
    form: Annotated[
        Format, typer.Option("--format", help="safetensors; or onnx, for language models (needs the extra onnx).")
    ] = Format.SAFETENSORS,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Write a model into a folder, with a README that loads it without rnnbench."""
    found = RunStore(context.obj).find(run)
    samples = found.progress().samples
    from rnnbench.engine.export import folder as exporting
    from rnnbench.engine.export import onnx_graph
    from rnnbench.engine.loading import open_model

    exporting.check_folder(folder)
    if form is Format.ONNX:
        onnx_graph.check(found.config().model)
    model = open_model(found, checkpoint)
    written = exporting.export(model, found.name, folder, form.value, samples[-1].prompt if samples else "")
    if json:
        record = {"run": run, "step": model.step, "folder": str(folder), "files": list(written.files)}
        output.json_data({**record, "bytes": written.bytes})
    else:
        files = ", ".join(written.files)
        output.say(f"wrote {files} to {folder}: {written.bytes:,} bytes, weights of step {model.step:,}")
