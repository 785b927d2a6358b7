"""`train --dry-run`: what would be trained, how large and how fast; writes nothing."""

from dataclasses import dataclass
from pathlib import Path

from rnnbench import config as configuration
from rnnbench import sizing
from rnnbench.cli import output
from rnnbench.config import RunConfig
from rnnbench.runs.narration import duration
from rnnbench.text import corpora


@dataclass(frozen=True)
class _Estimate:
    """What was found out: sizes of the vocabularies, batches in an epoch, tokens in a batch and a second, the words."""

    vocabulary: int
    source_vocabulary: int | None
    batches: int
    tokens_per_batch: int
    rate: float
    lines: tuple[str, ...]


def show(config: RunConfig, path: Path, *, as_json: bool) -> None:
    """Print the resolved configuration, parameters, memory and measured speed."""
    estimate = (_of_pairs if config.model.task == "seq2seq" else _of_text)(config, path)
    seconds = _seconds(config, estimate)
    size, source = estimate.vocabulary, estimate.source_vocabulary
    parameters = sizing.parameters(config.model, size, source)
    memory = sizing.training_bytes(config, size, source)
    if as_json:
        record = {
            "config": config.model_dump(mode="json"),
            "vocabulary_size": size,
            "source_vocabulary_size": source,
            "parameters": parameters,
            "memory_bytes": memory,
            "tokens_per_second": round(estimate.rate, 1),
            "tokens_per_step": estimate.tokens_per_batch,
            "steps_per_epoch": estimate.batches,
            "seconds": round(seconds, 1),
        }
        output.json_data(record)
        return
    output.data(configuration.to_toml(config).rstrip())
    output.data("")
    for line in estimate.lines:
        output.data(line)
    output.data(f"parameters   {parameters:,}")
    output.data(f"memory       about {memory / 1e6:,.0f} MB while training")
    output.data(f"speed        {estimate.rate:,.0f} tokens/s, measured now; evaluation and checkpoints not counted")
    output.data(f"time         about {duration(seconds)}")
    output.say("nothing was written (dry run)")


def _of_text(config: RunConfig, path: Path) -> _Estimate:
    from rnnbench.engine import estimates

    described = corpora.describe(path, config.corpus, config.text)
    size, tokens = described.vocabulary_size, described.splits[0].tokens
    batches = estimates.steps_per_epoch(config, tokens)
    rate = estimates.tokens_per_second(config, size)
    line = f"vocabulary   {size:,} tokens from {tokens:,} training tokens"
    per_batch = config.training.batch_size * config.training.steps_per_sequence
    return _Estimate(size, None, batches, per_batch, rate, (line,))


def _of_pairs(config: RunConfig, path: Path) -> _Estimate:
    from rnnbench.engine import estimates
    from rnnbench.text.pair_corpus import encode_pairs

    pairs = encode_pairs(path, config.corpus, config.text)
    rate = estimates.pairs_per_second(config, pairs)
    size, source, train = len(pairs.vocabulary), pairs.source_vocabulary, pairs.split("train")
    told = f"{len(source):,} source and {size:,} target tokens" if source else f"{size:,} tokens of both sides"
    return _Estimate(
        size,
        len(source) if source else None,
        rate.steps_per_epoch,
        rate.tokens_per_step,
        rate.tokens_per_second,
        (
            f"pairs        {', '.join(f'{len(split):,} {split.name}' for split in pairs.splits)}",
            f"vocabulary   {told}, from {train.target_tokens:,} target tokens to be trained on",
        ),
    )


def _seconds(config: RunConfig, estimate: _Estimate) -> float:
    """Until the budget is used, by steps, epochs or the clock, whichever ends first."""
    training = config.training
    batches = [training.max_steps * training.accumulate] if training.max_steps else []
    batches += [training.epochs * estimate.batches] if training.epochs else []
    limits = [training.minutes * 60] if training.minutes else []
    return min(limits + [count * estimate.tokens_per_batch / estimate.rate for count in batches])
