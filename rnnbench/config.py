"""Every choice of a run, as frozen models: the TOML file, the options and the form are all read from here."""

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from rnnbench.errors import UsageError

Values = dict[str, Any]

DEFAULT_EPOCHS = 10
DEFAULT_OPTIMIZER = "adamw"
TORCH_CELLS = ("rnn", "gru", "lstm")
FUSED_CELLS = ("rnn", "elman", "gru", "lstm")
LEARNING_RATES = {"sgd": 1.0, "adam": 0.003, "adamw": 0.003}


def _off_is_none(value: object) -> object:
    return None if value in ("off", "") else value


Off = BeforeValidator(_off_is_none)
"""TOML has no null: a choice that can be off is written "off"."""


def _text_is_one(value: object) -> object:
    return value if not isinstance(value, str) else (value,) if value else ()


Texts = Annotated[tuple[str, ...], BeforeValidator(_text_is_one)]
"""Several texts; one alone needs no list."""


def _option(default: Any, description: str, *, flag: str = "", **limits: Any) -> Any:
    """A field with its one-line help and, where it has one, the name of its command-line option."""
    extra: Values = {"flag": flag} if flag else {}
    return Field(default, description=description, json_schema_extra=extra, validate_default=True, **limits)


class Section(BaseModel):
    """One table of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CorpusConfig(Section):
    """Which text, and how it is cut into training, validation and test."""

    file: str = _option(..., "The text: a path, or the name of a file under corpora/", flag="--corpus", min_length=1)
    encoding: str = _option("auto", "Encoding of the text, or auto to detect it", flag="--encoding", max_length=40)
    errors: Literal["strict", "replace"] = _option(
        "strict", "Bytes that are not text: refuse the file, or replace and count them", flag="--errors"
    )
    members: str = _option("", "Which texts of an archive or folder, as a pattern such as 0*.txt", flag="--members")
    maximum_gigabytes: float = _option(4.0, "An archive that unpacks to more is refused", gt=0, le=1000)
    first_characters: Annotated[int | None, Off] = _option(None, "Use only this many characters of the text", ge=2)
    train_tokens: Annotated[int | None, Off] = _option(
        None, "Train on only this many tokens from the start; validation follows them", ge=2
    )
    validation_fraction: float = _option(
        0.1, "Share of the text, after the training part, for validation", gt=0, le=0.5
    )
    test_fraction: float = _option(0.05, "Share of the text, at its end, kept for the test", ge=0, le=0.5)
    pairs: Literal["table", "next_line"] = _option(
        "table", "seq2seq: each line holds source, tab, target; or each line is answered by the next"
    )
    first_pairs: Annotated[int | None, Off] = _option(None, "seq2seq: use only this many pairs", ge=3)
    longest_pair: Annotated[int | None, Off] = _option(
        None, "seq2seq: leave out pairs with a side of more characters than this", ge=1
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction leave nothing to train on")
        return self


class TextConfig(Section):
    """How text becomes numbered tokens."""

    tokenizer: Literal["character", "byte", "word", "spaced_word", "whitespace", "jieba", "bpe"] = _option(
        "character", "What one token is", flag="--tokenizer"
    )
    jieba_engine: Literal["exact", "fast"] = _option("exact", "jieba itself, or its faster reimplementation")
    user_dictionary: str = _option("", "A file of words for jieba, one on each line")
    bpe_size: int = _option(4096, "Tokens that bpe may learn", ge=257, le=1_000_000)
    strip_lines: bool = _option(False, "Strip each line and join the lines without line ends (lossy)")
    lower_case: bool = _option(False, "Turn capitals into small letters (lossy)")
    letters_only: bool = _option(False, "Replace all but ASCII letters by a blank (lossy)")
    unicode: Literal["keep", "nfc", "nfkc"] = _option("keep", "Unicode normalisation form (lossy)")
    chinese: Literal["keep", "simplified", "traditional"] = _option("keep", "Convert Chinese characters (lossy)")
    minimum_frequency: int = _option(1, "Rarer tokens become <unk>", ge=1)
    maximum_size: Annotated[int | None, Off] = _option(
        None, "Most tokens in the vocabulary; rarer ones become <unk>", ge=2
    )
    vocabulary_from: Literal["train", "all"] = _option("train", "The part of the text the vocabulary is counted on")
    reserved: Texts = _option((), "Extra tokens numbered after <unk>")
    shared_vocabulary: bool = _option(False, "seq2seq: one vocabulary and one embedding for source and target")


class ModelConfig(Section):
    """The network."""

    task: Literal["language_model", "cloze", "seq2seq"] = _option(
        "language_model", "What is predicted: the next token, a missing one, or the answer to a line", flag="--task"
    )
    cell: Literal["rnn", "elman", "gru", "gru_reset_before", "lstm", "lstm_layer_norm", "min_gru", "min_lstm"] = (
        _option("lstm", "The recurrent cell", flag="--cell")
    )
    implementation: Literal["auto", "scratch", "fused", "torch"] = _option(
        "auto",
        "Our own loop over time, its fast form, or torch's layer; the equations are the same",
        flag="--implementation",
    )
    hidden: int = _option(256, "Units in each layer's state", flag="--hidden", ge=1, le=65536)
    layers: int = _option(1, "Layers, one above the other", flag="--layers", ge=1, le=64)
    input: Literal["embedding", "one_hot"] = _option("embedding", "How a token enters the first layer")
    embedding: int = _option(128, "Size of a token's embedding (not used with one_hot)", ge=1, le=65536)
    dropout: float = _option(0.0, "Share of activations dropped between layers and before the output", ge=0, lt=1)
    tie_weights: bool = _option(False, "Share the embedding with the output (needs embedding = hidden)")
    initialisation: Literal["torch", "normal", "orthogonal"] = _option("torch", "How weights are first drawn")
    forget_bias: float = _option(0.0, "Added to the forget-gate bias of lstm-like cells at the start")
    bidirectional: bool = _option(False, "Read in both directions: the encoder of seq2seq; cloze always does")
    attention: Literal["none", "additive", "dot"] = _option(
        "additive", "How a seq2seq decoder looks at the source; none: only at one fixed vector"
    )

    @model_validator(mode="after")
    def _fits_its_task(self) -> Self:
        if self.task == "language_model" and self.bidirectional:
            raise ValueError(
                "a bidirectional next-token model has read its answer: it reaches perplexity 1.1 and cannot write; "
                "to read from both sides use --task cloze, which predicts a missing token"
            )
        if self.task == "cloze" and self.tie_weights:
            raise ValueError("tie_weights does not fit cloze: its output reads two states, not one")
        if self.task == "seq2seq" and self.input != "embedding":
            raise ValueError("seq2seq needs input = embedding")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tie_weights and (self.input != "embedding" or self.embedding != self.hidden):
            raise ValueError("tie_weights needs input = embedding and embedding = hidden")
        known = {"torch": TORCH_CELLS, "fused": FUSED_CELLS}.get(self.implementation, (self.cell,))
        if self.cell not in known:
            raise ValueError(
                f"there is no {self.implementation} implementation of {self.cell}, only of {', '.join(known)}; "
                "use scratch or auto"
            )
        if self.input == "one_hot" and self.implementation == "torch":
            raise ValueError("torch's layers would have to be fed one-hot vectors; use scratch, auto, or an embedding")
        return self


class TrainingConfig(Section):
    """How the weights are found, and for how long."""

    batches: Literal["sequential", "random"] = _option(
        "sequential", "Neighbouring batches continue each other and carry the state, or windows are shuffled"
    )
    batch_size: int = _option(32, "Sequences in a batch", flag="--batch-size", ge=1, le=65536)
    steps_per_sequence: int = _option(
        64, "Time steps the gradient reaches back (truncated BPTT)", flag="--steps-per-sequence", ge=1, le=65536
    )
    optimizer: Literal["sgd", "adam", "adamw"] = _option(DEFAULT_OPTIMIZER, "The update rule", flag="--optimizer")
    learning_rate: float = _option(0.003, "Step size; sgd starts from 1.0", flag="--learning-rate", gt=0, le=1000)
    momentum: float = _option(0.0, "Momentum of sgd", ge=0, lt=1)
    weight_decay: float = _option(0.0, "Pull of the weights towards zero", ge=0, le=10)
    schedule: Literal["constant", "cosine"] = _option("constant", "How the learning rate moves over the budget")
    warmup_steps: int = _option(0, "Steps over which the learning rate rises to its value", ge=0)
    clip_norm: Annotated[float | None, Off] = _option(1.0, "Largest global norm of the gradient, or off", gt=0)
    epochs: Annotated[int | None, Off] = _option(None, "Passes over the training text", flag="--epochs", ge=1)
    max_steps: Annotated[int | None, Off] = _option(None, "Updates at most", flag="--max-steps", ge=1)
    minutes: Annotated[float | None, Off] = _option(None, "Wall-clock minutes at most", flag="--minutes", gt=0)
    margin: int = _option(16, "cloze: tokens read, unscored, on each side of a window", ge=0, le=4096)
    blank_share: float = _option(
        0.05, "cloze: share of the tokens read as <unk>, so that neighbouring blanks make sense", ge=0, lt=1
    )
    seed: int = _option(1, "Seed of weights, batches and dropout", flag="--seed", ge=0, lt=2**31)

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        """Fill in what depends on other fields, so that the stored configuration says what really happens."""
        if not isinstance(values, dict):
            return values
        resolved = {key: value for key, value in values.items() if value != "auto"}
        optimizer = str(resolved.get("optimizer", DEFAULT_OPTIMIZER))
        resolved.setdefault("learning_rate", LEARNING_RATES.get(optimizer, 0.003))
        if all(resolved.get(budget) in (None, "off", "") for budget in ("epochs", "max_steps", "minutes")):
            resolved["epochs"] = DEFAULT_EPOCHS
        return resolved


class EvaluationConfig(Section):
    """How often the validation text is scored, and what the model is asked to write then."""

    every_steps: Annotated[int | None, Off] = _option(
        None, "Updates between evaluations; off: chosen from the budget", ge=1
    )
    sample_prompts: Texts = _option((), "Texts the samples of a run begin from; none: the start of the validation text")
    sample_length: int = _option(160, "Tokens sampled at each evaluation; 0 for none", ge=0, le=10000)
    sample_temperature: float = _option(0.8, "Temperature of those samples", gt=0, le=100)
    sample_greedy: bool = _option(False, "Always take the most probable token in those samples")


class CheckpointConfig(Section):
    """How often the run is saved."""

    every_seconds: float = _option(30.0, "Longest time between two checkpoints", ge=0.1)
    keep: int = _option(2, "Latest checkpoints kept beside the best", ge=1, le=1000)


class MachineConfig(Section):
    """What the run computes on."""

    device: str = _option(
        "auto", "auto, cpu, cuda, cuda:1 or mps", flag="--device", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"
    )
    threads: int = _option(0, "CPU threads; 0: chosen for the machine", flag="--threads", ge=0, le=1024)


class RunConfig(Section):
    """The whole configuration of a run."""

    corpus: CorpusConfig
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig.model_validate({})
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoints: CheckpointConfig = CheckpointConfig()
    machine: MachineConfig = MachineConfig()


@dataclass(frozen=True)
class ConfigField:
    """One choice of the configuration: where it lives and how it is described."""

    section: str
    name: str
    info: FieldInfo

    @property
    def key(self) -> str:
        """`section.name`, as `--set` and error messages write it."""
        return f"{self.section}.{self.name}"

    @property
    def flag(self) -> str:
        """The command-line option, or an empty string where only --set reaches the field."""
        extra = self.info.json_schema_extra
        return str(extra.get("flag", "")) if isinstance(extra, dict) else ""

    @property
    def help(self) -> str:
        """The one-line help."""
        return self.info.description or ""

    @property
    def default(self) -> Any:
        """The default as a file would write it ("off" for None); None for a required field."""
        return None if self.info.is_required() else as_written(self.info.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words of a choice field, else nothing."""
        return tuple(self.info.annotation.__args__) if _is_literal(self.info.annotation) else ()  # type: ignore[union-attr]


def _is_literal(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is Literal


def fields() -> Iterator[ConfigField]:
    """Every choice of the configuration, in the order in which the models declare them."""
    for section, info in RunConfig.model_fields.items():
        model = info.annotation
        assert isinstance(model, type) and issubclass(model, Section)
        for name, field in model.model_fields.items():
            yield ConfigField(section, name, field)


def as_written(value: Any) -> Any:
    """A value as TOML and the form write it: None is "off", a tuple is a list."""
    if value is None:
        return "off"
    return list(value) if isinstance(value, tuple) else value


def value_of(config: RunConfig, key: str) -> Any:
    """The value at `section.name`."""
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def validate(values: Mapping[str, Any]) -> RunConfig:
    """The configuration described by nested tables. Raises UsageError that names every wrong field."""
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(problems(error).values())) from None


def check(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the tables: `section.name` -> message; empty when they make a configuration."""
    try:
        RunConfig.model_validate(values)
    except ValidationError as error:
        return problems(error)
    return {}


def problems(error: ValidationError) -> dict[str, str]:
    """A validation error as one sentence for each field, with the nearest known name for an unknown one."""
    found: dict[str, str] = {}
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"][:2])
        found[key] = _sentence(key, str(item["type"]), item["msg"], item["input"])
    return found


def _sentence(key: str, kind: str, message: str, given: Any) -> str:
    if kind == "extra_forbidden":
        return f"unknown key {key}{_nearest(key)}"
    if kind == "missing":
        flag = next((field.flag for field in fields() if key in {field.key, field.section}), "")
        return f"{key} is required" + (f" (give {flag})" if flag else "")
    text = message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        text = "should be auto, cpu, mps, cuda or cuda:N"
    return f"{key}: {text[:1].lower()}{text[1:]}" + ("" if kind == "value_error" else f", not {given!r:.60}")


def _nearest(key: str) -> str:
    """The right name in the wrong section, else the nearest name in the same section, else anywhere."""
    section, _, name = key.rpartition(".")
    anywhere = {field.name: field.key for field in fields()}
    here = {field.name: field.key for field in fields() if field.section == section}
    if not section:
        here = {other: other for other in RunConfig.model_fields}
    for known in ({name: anywhere[name]} if name in anywhere else {}, here, anywhere):
        for close in difflib.get_close_matches(name, known, n=1, cutoff=0.6):
            return f"; did you mean {known[close]}?"
    return "; `rnnbench config schema` lists the known ones"


def merge(*layers: Mapping[str, Any]) -> Values:
    """Nested tables merged, later ones winning. A budget or optimizer in a later layer replaces an earlier one."""
    merged: Values = {}
    for layer in layers:
        for section, table in layer.items():
            if isinstance(table, Mapping):
                merged[section] = {**_kept(merged.get(section, {}), section, table), **table}
            else:
                merged[section] = table
    return merged


def _kept(earlier: Any, section: str, later: Mapping[str, Any]) -> Values:
    """What stays of the earlier layer: asking for 600 steps must not be cut short by a preset's minutes."""
    if not isinstance(earlier, Mapping):
        return {}
    dropped: set[str] = set()
    if section == "training":
        budgets = {"epochs", "max_steps", "minutes"}
        dropped |= budgets if budgets & later.keys() else set()
        before = earlier.get("optimizer", DEFAULT_OPTIMIZER)
        dropped |= {"learning_rate"} if later.get("optimizer", before) != before else set()
    return {key: value for key, value in earlier.items() if key not in dropped}


def join(*parts: Mapping[str, Any]) -> Values:
    """The parts of one layer, such as all options of one command: nothing is replaced but the same key."""
    joined: Values = {}
    for part in parts:
        for section, table in part.items():
            joined[section] = {**joined.get(section, {}), **table}
    return joined


def parse_setting(text: str) -> Values:
    """`section.key=value` as nested tables; the value is read as TOML, else as plain text."""
    key, equals, value = text.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and section and name):
        raise UsageError(f"--set {text}: not of the form section.key=value")
    return {section: {name: _read_value(section, name, value.strip())}}


def _read_value(section: str, name: str, text: str) -> Any:
    """The text as a TOML value; as it stands where it is none, or where the field holds text: a prompt may be 1984."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value, key = tables["value"], f"{section}.{name}"
    kind = next((field.info.annotation for field in fields() if field.key == key), None)
    meant = isinstance(value, str | list if kind == tuple[str, ...] else str) or kind not in (str, tuple[str, ...])
    return value if len(tables) == 1 and meant else text


def from_environment(environment: Mapping[str, str] | None = None) -> Values:
    """RNNBENCH_<SECTION>_<KEY> variables as nested tables."""
    tables: Values = {}
    for variable, value in sorted((environment if environment is not None else os.environ).items()):
        section, _, name = variable.removeprefix("RNNBENCH_").lower().partition("_")
        if variable.startswith("RNNBENCH_") and section in RunConfig.model_fields and name:
            tables = join(tables, {section: {name: _read_value(section, name, value)}})
    return tables


def read_toml(path: Path) -> Values:
    """The tables of a TOML file. Raises UsageError with the place of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"configuration file not found: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def preset_names() -> list[str]:
    """The ready-made experiments."""
    return sorted(item.name.removesuffix(".toml") for item in _presets().iterdir() if item.name.endswith(".toml"))


def _presets() -> Any:
    return resources.files("rnnbench") / "presets"


def read_preset(name: str) -> Values:
    """The tables of a ready-made experiment. Raises UsageError with the nearest name."""
    if name not in preset_names():
        close = difflib.get_close_matches(name, preset_names(), n=1)
        known = f"did you mean {close[0]}?" if close else f"known: {', '.join(preset_names())}"
        raise UsageError(f"unknown preset {name}", known)
    return tomllib.loads((_presets() / f"{name}.toml").read_text(encoding="utf-8"))


def to_tables(config: RunConfig) -> Values:
    """The configuration as nested tables that TOML can hold."""
    return {
        section: {name: as_written(value) for name, value in table.items()}
        for section, table in config.model_dump().items()
    }


def to_toml(config: RunConfig) -> str:
    """The configuration as a TOML file."""
    return tomli_w.dumps(to_tables(config))


def to_json(config: RunConfig) -> bytes:
    """The configuration as the run folder stores it."""
    return json.dumps(config.model_dump(mode="json"), ensure_ascii=False, indent=1).encode() + b"\n"


def from_json(data: bytes) -> RunConfig:
    """The configuration of a stored run. Raises UsageError when it is not one."""
    try:
        return validate(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a stored configuration: {error}") from None


def as_options(config: RunConfig) -> list[str]:
    """The shortest list of `train` options that describes the configuration: what differs from the defaults."""
    plain = validate({"corpus": {"file": config.corpus.file}, "training": {"optimizer": config.training.optimizer}})
    options: list[str] = []
    for field in fields():
        value = value_of(config, field.key)
        if field.info.is_required() or field.key == "training.optimizer" or value != value_of(plain, field.key):
            options += _as_option(field, as_written(value))
    return _without_noise(options)


def _as_option(field: ConfigField, value: Any) -> list[str]:
    if value == "off" and field.name in ("epochs", "max_steps", "minutes"):
        return []
    if field.flag:
        return [field.flag, str(value)]
    plain = isinstance(value, str) and _read_value(field.section, field.name, value.strip()) == value
    return ["--set", f"{field.key}={value if plain else _toml_text(value)}"]


def _toml_text(value: Any) -> str:
    """A value as TOML on one line: JSON, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _without_noise(options: list[str]) -> list[str]:
    """The optimizer is compared with itself above; drop it again where it is the default."""
    pairs = list(zip(options[::2], options[1::2], strict=True))
    return [word for pair in pairs if pair != ("--optimizer", DEFAULT_OPTIMIZER) for word in pair]


def differences(configs: Iterable[RunConfig]) -> dict[str, list[Any]]:
    """The keys in which the configurations are not all the same, with their values in order."""
    several = list(configs)
    rows = {field.key: [as_written(value_of(config, field.key)) for config in several] for field in fields()}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}
