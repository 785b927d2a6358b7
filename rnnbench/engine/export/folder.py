"""Write a trained model into a folder that stands for itself: weights, vocabulary, choices, and how to load them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from torch import Tensor

from rnnbench import storage
from rnnbench.engine.export import onnx_graph
from rnnbench.engine.export.readme import Exported, readme
from rnnbench.engine.export.tensors import FIRST_STATE, in_torch_layout, plain_tensors
from rnnbench.engine.loading import LoadedModel
from rnnbench.errors import UsageError

Form = Literal["safetensors", "onnx"]
_VERSION = 1
_LONGEST_PROMPT = 60  # characters


@dataclass(frozen=True)
class Written:
    """What an export has put where."""

    folder: Path
    files: tuple[str, ...]
    bytes: int


def check_folder(folder: Path) -> None:
    """Raises UsageError when the folder holds anything: nothing is overwritten, and nothing mixed."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder", "give the name of a new one")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"the folder {folder} is not empty", "give the name of a new one")


def export(model: LoadedModel, run: str, folder: Path, form: Form, prompt: str = "") -> Written:
    """Write the files of a model; the README last, so a folder that has one is whole.

    The README's example continues `prompt`; without one, the first token of the vocabulary. Raises UsageError where
    the folder holds something or the form does not fit the model, RnnbenchError when it cannot be written.
    """
    check_folder(folder)
    tensors = plain_tensors(model.network, model.config.model, model.config.training.seed)
    contents = _weights(model, form, tensors) | _records(model, run, form, tensors)
    told = Exported(
        run, model.step, form, model.config, model.vocabulary, tensors, _beginning(model, prompt),
        has_source_vocabulary=model.source_vocabulary is not None,
    )  # fmt: skip
    contents["README.md"] = readme(told).encode("utf-8", "surrogatepass")
    storage.make_folder(folder)
    for name, data in contents.items():
        storage.write_file(folder / name, data)
    return Written(folder, tuple(contents), sum(map(len, contents.values())))


def _weights(model: LoadedModel, form: Form, tensors: dict[str, Tensor]) -> dict[str, bytes]:
    """The file of weights, by its name."""
    if form == "onnx":
        return {"model.onnx": onnx_graph.serialized(model.config.model, len(model.vocabulary), tensors)}
    return {"model.safetensors": safetensors.torch.save(tensors, {"format": "pt"})}


def _records(model: LoadedModel, run: str, form: Form, tensors: dict[str, Tensor]) -> dict[str, bytes]:
    """The JSON files. No path of this machine is in them: of the configuration only what the network needs."""
    network, text = model.config.model, model.config.text.model_dump(mode="json", exclude={"user_dictionary"})
    choices: dict[str, Any] = {
        "version": _VERSION,
        "run": run,
        "step": model.step,
        "vocabulary_size": len(model.vocabulary),
        "torch_layout": in_torch_layout(network),
        "model": network.model_dump(mode="json"),
        "text": text,
    }
    if form == "onnx" and FIRST_STATE in tensors:
        choices[FIRST_STATE] = tensors[FIRST_STATE].tolist()
    vocabularies = {"vocabulary.json": model.vocabulary, "source_vocabulary.json": model.source_vocabulary}
    found = {name: storage.as_json(known.to_json()) for name, known in vocabularies.items() if known is not None}
    return found | {"config.json": storage.as_json(choices)}


def _beginning(model: LoadedModel, prompt: str) -> str:
    """What the README's example continues, changed as the model's text was."""
    if model.task == "language_model" and (read := model.read(prompt[:_LONGEST_PROMPT])):
        return read
    specials = model.vocabulary.specials
    return model.vocabulary.decode([specials]) if specials < len(model.vocabulary) else model.vocabulary.tokens[0]
