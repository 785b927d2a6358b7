"""The README of an exported model: what is in the folder, and how to let it write without rnnbench."""

import inspect
from dataclasses import dataclass

from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine.cells import CELLS
from rnnbench.engine.export.tensors import FIRST_STATE, in_torch_layout, state_shape
from rnnbench.engine.models import TORCH_LAYERS
from rnnbench.text import normalization, tokenizers
from rnnbench.text.vocabulary import Vocabulary
from rnnbench.visible import visible

_LENGTH = 200  # tokens that the example writes


@dataclass(frozen=True)
class Exported:
    """What the README tells of. `prompt` is what its example begins with, as the model reads text."""

    run: str
    step: int
    form: str
    config: RunConfig
    vocabulary: Vocabulary
    tensors: dict[str, Tensor]
    prompt: str
    has_source_vocabulary: bool = False


def readme(exported: Exported) -> str:
    """The whole text, as Markdown."""
    onnx = exported.form == "onnx"
    parts = [_head(exported), _reading(exported)]
    if onnx:
        parts.append(_example(_with_onnx(exported), "onnxruntime and numpy"))
    elif exported.config.model.task == "language_model" and in_torch_layout(exported.config.model):
        parts.append(_example(_with_torch(exported), "torch and safetensors"))
    else:
        parts.append(_equations(exported))
    parts.append(_interface(exported) if onnx else _names(exported))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(exported: Exported) -> str:
    model = exported.config.model
    weights = "model.onnx" if exported.form == "onnx" else "model.safetensors"
    source = ["- `source_vocabulary.json`: the same for the lines it reads"] if exported.has_source_vocabulary else []
    lines = [
        f"# {exported.run}",
        "",
        f"A recurrent network ({model.task}, {model.cell}, {model.hidden} x {model.layers}) trained with rnnbench; "
        f"weights of step {exported.step:,}.",
        "",
        f"- `{weights}`: the weights, float32",
        "- `vocabulary.json`: the tokens by id; the first `specials` of them stand for no text",
        *source,
        "- `config.json`: the choices the network was built with",
    ]
    return "\n".join(lines)


def _reading(exported: Exported) -> str:
    """How text becomes tokens, where that is more than its characters."""
    facts, sentences = exported.vocabulary.tokenizer, []
    if expression := tokenizers.expression(facts):
        sentences.append(f'Tokens are the matches of `r"{expression}"`.')
    elif facts.name != "character":
        engine = f" ({facts.engine} {facts.version})" if facts.engine else ""
        sentences.append(f"Text is cut into tokens by {visible(facts.name + engine, limit=80)}.")
        if facts.data:
            sentences.append("What it needs to cut text is `tokenizer.data` in `vocabulary.json`.")
    if changed := normalization.switches(exported.config.text):
        sentences.append(f"The text was changed before it was read ({', '.join(changed)}); change a prompt likewise.")
    return " ".join(sentences)


def _example(code: list[str], libraries: str) -> str:
    return "\n".join([f"To let it write, with {libraries}, from within this folder:", "", "```python", *code, "```"])


def _with_torch(exported: Exported) -> list[str]:
    model, words = exported.config.model, len(exported.vocabulary)
    inputs = model.embedding if model.input == "embedding" else words
    layer = TORCH_LAYERS[model.cell].__name__
    one_hot = f"torch.nn.functional.one_hot(ids, {words}).float()"
    vectors = 'weights["embedding.weight"][ids]' if model.input == "embedding" else one_hot
    return [
        *_imports("torch", "from safetensors.torch import load_file", exported),
        *_vocabulary(),
        "torch.set_grad_enabled(False)",
        'weights = load_file("model.safetensors")',
        f"rnn, state = torch.nn.{layer}({inputs}, {model.hidden}, {model.layers}), None",
        'rnn.load_state_dict({name[6:]: weights[name] for name in weights if name.startswith("stack.")})',
        f"ids = torch.tensor([[id_of.get(piece, 0)] for piece in {_pieces(exported)}])  # (T, 1)",
        f"for _ in range({_LENGTH}):",
        f"    y, state = rnn({vectors}, state)  # (T, 1, H)",
        '    logits = torch.nn.functional.linear(y[-1], weights["output.weight"], weights["output.bias"])',
        "    ids = logits[:, specials:].argmax(1, keepdim=True) + specials",
        "    written.append(tokens[ids])",
        f"print({_text(exported)})",
    ]


def _with_onnx(exported: Exported) -> list[str]:
    model = exported.config.model
    zeros = f'numpy.zeros({state_shape(model)}, "float32")'
    drawn = 'numpy.array(json.load(open("config.json"))["first_state"], "float32")'
    return [
        *_imports("numpy, onnxruntime", "", exported),
        *_vocabulary(),
        'model = onnxruntime.InferenceSession("model.onnx")',
        f"state = {drawn if model.cell == 'elman' else zeros}  # (S, L, B, H)",
        f"ids = numpy.array([[id_of.get(piece, 0)] for piece in {_pieces(exported)}])  # (T, B), one lane",
        f"for _ in range({_LENGTH}):",
        '    logits, state = model.run(None, {"ids": ids, "state": state})',
        "    ids = specials + logits[-1, :, specials:].argmax(1, keepdims=True)",
        "    written.append(tokens[ids.item()])",
        f"print({_text(exported)})",
    ]


def _imports(modules: str, further: str, exported: Exported) -> list[str]:
    facts = exported.vocabulary.tokenizer
    plain = f"import json, {'re, ' if tokenizers.expression(facts) else ''}{modules}"
    bpe = "from tokenizers.decoders import ByteLevel" if facts.name == "bpe" else ""
    return [line for line in (plain, further, bpe) if line]


def _vocabulary() -> list[str]:
    return [
        'vocabulary = json.load(open("vocabulary.json", encoding="utf-8"))',
        'tokens, specials, written = vocabulary["tokens"], vocabulary["specials"], []',
        "id_of = {token: number for number, token in enumerate(tokens) if number >= specials}",
    ]


def _pieces(exported: Exported) -> str:
    """The expression for the prompt's tokens. ascii() writes any text as one that cannot break out of its quotes."""
    facts, prompt = exported.vocabulary.tokenizer, ascii(exported.prompt)
    if facts.name == "character":
        return prompt
    if facts.name == "byte":
        return f'{prompt}.encode().decode("latin-1")'
    if expression := tokenizers.expression(facts):
        return f're.findall(r"{expression}", {prompt})'
    return ascii(tokenizers.split(facts, exported.prompt))


def _text(exported: Exported) -> str:
    """The expression for the text of the written tokens."""
    name = exported.vocabulary.tokenizer.name
    if name == "bpe":
        return "ByteLevel().decode(written)"
    return '"".join(written)' + ('.encode("latin-1").decode("utf-8", "replace")' if name == "byte" else "")


def _equations(exported: Exported) -> str:
    """Where a network that torch's layers do not make is described."""
    model = exported.config.model
    task = "" if model.task == "language_model" else f" How a {model.task} network is put together: `docs/tasks.md`."
    told = f"The equations are in `docs/models.md` of rnnbench, with the shapes.{task}"
    if in_torch_layout(model):
        layer = TORCH_LAYERS[model.cell].__name__
        return f"Each stack of layers loads into `torch.nn.{layer}`. {told}"
    return f"{told} The cell `{model.cell}`:\n\n```text\n{inspect.cleandoc(CELLS[model.cell].__doc__ or '')}\n```"


def _interface(exported: Exported) -> str:
    """Inputs and outputs of the graph."""
    states, layers, _, hidden = state_shape(exported.config.model)
    state, words = f"({states}, {layers}, B, {hidden})", len(exported.vocabulary)
    rows = [
        ("ids", "in", "(T, B)", "tokens, int64; any T and B from 1"),
        ("state", "in", state, f"what was read before; {_first(exported)}"),
        ("logits", "out", f"(T, B, {words})", "for the token after each"),
        ("next_state", "out", state, "to be given with the ids that follow"),
    ]
    return "\n".join(
        ["| name | | shape | |", "|---|---|---|---|", *(f"| `{n}` | {w} | {s} | {t} |" for n, w, s, t in rows)]
    )


def _first(exported: Exported) -> str:
    return f"at first `{FIRST_STATE}` of `config.json`" if exported.config.model.cell == "elman" else "at first zeros"


def _names(exported: Exported) -> str:
    """Every tensor and its shape."""
    rows = [f"| `{name}` | {tuple(tensor.shape)} |" for name, tensor in sorted(exported.tensors.items())]
    return "\n".join(["| tensor | shape |", "|---|---|", *rows])
