"""Every choice of a run, as frozen models: the TOML file, the options and the form are all read from here."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Values = dict[str, Any]

DEFAULT_EPOCHS = 10
DEFAULT_OPTIMIZER = "adamw"
TORCH_CELLS = ("rnn", "gru", "lstm")
FUSED_CELLS = ("rnn", "elman", "gru", "lstm")
LEARNING_RATES = {"sgd": 1.0, "asgd": 1.0, "rmsprop": 0.001, "adagrad": 0.01, "adadelta": 1.0}

BUDGETS = ("epochs", "max_steps", "minutes")
_DEPENDENT = ("learning_rate", *BUDGETS)  # of the training table: "auto" means what follows from the other fields


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
    extend_vocabulary: bool = _option(False, "With --from: add the tokens of the new text that the run does not know")
    shared_vocabulary: bool = _option(False, "seq2seq: one vocabulary and one embedding for source and target")


def size_in_short(cell: str, hidden: int, layers: int) -> str:
    """A network by its cell, units in a layer and, where there are several, layers: lstm 256 x 2."""
    return f"{cell} {hidden} x {layers}" if layers > 1 else f"{cell} {hidden}"


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
    locked_dropout: bool = _option(
        False, "Dropout drops the same units at all time steps of a batch (Gal and Ghahramani 2016)"
    )
    embedding_dropout: float = _option(
        0.0, "Share of words whose vectors are dropped, wherever they stand (Gal and Ghahramani 2016)", ge=0, lt=1
    )
    weight_drop: float = _option(
        0.0, "Share of hidden-to-hidden weights dropped in each batch (DropConnect; Merity et al. 2018)", ge=0, lt=1
    )
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

    @model_validator(mode="after")
    def _has_what_is_dropped(self) -> Self:
        if self.embedding_dropout and self.input != "embedding":
            raise ValueError("embedding_dropout needs input = embedding")
        if self.weight_drop and self.cell in ("min_gru", "min_lstm"):
            raise ValueError(f"weight_drop needs a hidden-to-hidden matrix, which {self.cell} does not have")
        return self

    @property
    def in_short(self) -> str:
        """Cell, width and depth, as `size_in_short` writes them."""
        return size_in_short(self.cell, self.hidden, self.layers)


class TrainingConfig(Section):
    """How the weights are found, and for how long."""

    batches: Literal["sequential", "random", "windows"] = _option(
        "sequential", "sequential: batches continue each other and carry the state; random: shuffled pieces; windows: "
        "shuffled pieces that overlap, so that an epoch reads each token many times"
    )  # fmt: skip
    stride: int = _option(1, "windows: tokens from the start of one window to the start of the next", ge=1, le=65536)
    batch_size: int = _option(32, "Sequences in a batch", flag="--batch-size", ge=1, le=65536)
    steps_per_sequence: int = _option(
        64, "Time steps the gradient reaches back (truncated BPTT)", flag="--steps-per-sequence", ge=1, le=65536
    )
    random_lengths: bool = _option(
        False, "sequential: batches around steps_per_sequence long, rates scaled to them (Merity et al. 2018)"
    )
    activation_penalty: float = _option(
        0.0, "Cost of large outputs of the top layer: AR's alpha, often 2 (Merity et al. 2018)", ge=0, le=1000
    )
    temporal_penalty: float = _option(
        0.0, "Cost of outputs that change from step to step: TAR's beta, often 1 (Merity et al. 2018)", ge=0, le=1000
    )
    optimizer: Literal[
        "sgd", "asgd", "rmsprop", "adam", "adamw", "nadam", "radam", "adamax", "adagrad", "adadelta"
    ] = _option(
        DEFAULT_OPTIMIZER, "The update rule; asgd is sgd that ends with the mean of its weights", flag="--optimizer"
    )  # fmt: skip
    learning_rate: float = _option(
        0.003, "Step size; where none is given, sgd, asgd and adadelta take 1.0, adagrad 0.01, rmsprop 0.001",
        flag="--learning-rate", gt=0, le=1000,
    )  # fmt: skip
    momentum: float = _option(0.0, "Momentum of sgd, asgd and rmsprop", ge=0, lt=1)
    nesterov: bool = _option(False, "sgd and asgd: look ahead along the momentum (Nesterov)")
    average_after: int = _option(
        5, "asgd: evaluations in a row without improvement after which weights are averaged", ge=1
    )
    weight_decay: float = _option(0.0, "Pull of the weights towards zero", ge=0, le=10)
    accumulate: int = _option(1, "Batches whose gradients make one update; steps count updates", ge=1, le=65536)
    schedule: Literal["constant", "step", "exponential", "cosine", "one_cycle", "plateau"] = _option(
        "constant",
        "How the learning rate moves: at every step by the share of the budget used; plateau: at evaluations",
    )
    warmup_steps: int = _option(0, "Steps over which the learning rate rises to what the schedule says", ge=0)
    final_share: float = _option(
        0.02, "exponential, cosine, one_cycle: share of the learning rate that is left at the end", gt=0, le=1
    )
    drops: int = _option(2, "step: how often the rate drops, evenly spread over the budget", ge=1, le=1000)
    drop_factor: float = _option(0.5, "step, plateau: what each drop multiplies the learning rate with", gt=0, lt=1)
    drop_patience: int = _option(2, "plateau: evaluations in a row without improvement before each drop", ge=1)
    clip_norm: Annotated[float | None, Off] = _option(1.0, "Largest global norm of the gradient, or off", gt=0)
    clip_value: Annotated[float | None, Off] = _option(
        None, "Largest size of each number in the gradient, after clip_norm; or off", gt=0
    )
    patience: Annotated[int | None, Off] = _option(
        None, "Stop early after this many evaluations in a row without improvement; or off", ge=1
    )
    minimum_improvement: float = _option(
        0.0, "Nats of validation loss below the best so far that count as an improvement", ge=0, le=100
    )
    on_divergence: Literal["stop", "rollback"] = _option(
        "stop",
        "When a loss is not finite: stop, or go back to the last checkpoint with half the learning rate",
        flag="--on-divergence",
    )
    rollbacks: int = _option(3, "Most times that a diverged run goes back to a checkpoint", ge=1, le=100)
    epochs: Annotated[int | None, Off] = _option(None, "Passes over the training text", flag="--epochs", ge=1)
    max_steps: Annotated[int | None, Off] = _option(None, "Updates at most", flag="--max-steps", ge=1)
    minutes: Annotated[float | None, Off] = _option(None, "Wall-clock minutes at most", flag="--minutes", gt=0)
    margin: int = _option(16, "cloze: tokens read, unscored, on each side of a window", ge=0, le=4096)
    blank_share: float = _option(
        0.05, "cloze: share of the tokens read as <unk>, so that neighbouring blanks make sense", ge=0, lt=1
    )
    start_from: str = _option("", "A run whose vocabulary and best weights this one begins with", flag="--from")
    seed: int = _option(1, "Seed of weights, batches and dropout", flag="--seed", ge=0, lt=2**31)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.nesterov and not (self.momentum and self.optimizer in ("sgd", "asgd")):
            raise ValueError("nesterov needs optimizer sgd or asgd, and a momentum above 0")
        if self.batches == "windows" and self.stride > self.steps_per_sequence:
            raise ValueError("a stride above steps_per_sequence would leave text between the windows out")
        if self.random_lengths and (self.batches != "sequential" or self.steps_per_sequence < 2):
            raise ValueError("random_lengths needs batches = sequential, and steps_per_sequence of at least 2")
        return self

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        """Fill in what depends on other fields, so that the stored configuration says what really happens."""
        if not isinstance(values, dict):
            return values
        resolved = {key: value for key, value in values.items() if not (key in _DEPENDENT and value == "auto")}
        optimizer = str(resolved.get("optimizer", DEFAULT_OPTIMIZER))
        resolved.setdefault("learning_rate", LEARNING_RATES.get(optimizer, 0.003))
        if all(resolved.get(budget) in (None, "off", "") for budget in BUDGETS):
            resolved["epochs"] = DEFAULT_EPOCHS
        return resolved


class EvaluationConfig(Section):
    """How often the validation text is scored, and what the model is asked to write then."""

    every_steps: Annotated[int | None, Off] = _option(
        None, "Updates between evaluations; off, and every_epochs too: chosen from the budget, denser at first", ge=1
    )
    every_epochs: Annotated[float | None, Off] = _option(
        None, "Evaluate also each time that so many epochs have passed, such as 0.5; or off", gt=0, le=1_000_000
    )
    train_tokens: int = _option(
        8192, "Training tokens scored with frozen weights beside the validation; 0 for none", ge=0, le=1_000_000_000
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
    threads: int = _option(0, "CPU threads; 0: found by a short trial", flag="--threads", ge=0, le=1024)
    precision: Literal["float32", "bfloat16"] = _option(
        "float32", "Numbers in which products are taken in training; weights and scores stay float32"
    )
    deterministic: bool = _option(
        False, "Only algorithms that repeat bit by bit, for a GPU; a CPU repeats with the same threads anyway"
    )


class RunConfig(Section):
    """The whole configuration of a run."""

    corpus: CorpusConfig
    text: TextConfig = TextConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig.model_validate({})
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoints: CheckpointConfig = CheckpointConfig()
    machine: MachineConfig = MachineConfig()

    @model_validator(mode="after")
    def _regularised_as_its_task_can_be(self) -> Self:
        for name in ("random_lengths", "activation_penalty", "temporal_penalty"):
            if getattr(self.training, name) and self.model.task != "language_model":
                raise ValueError(f"training.{name}: is for the task language_model, not for {self.model.task}")
        return self
