"""`train --dry-run`: what would be trained, how large and how fast; writes nothing."""

from pathlib import Path

from rnnbench import config as configuration
from rnnbench import sizing
from rnnbench.cli import output
from rnnbench.config import RunConfig
from rnnbench.runs.narration import duration
from rnnbench.text import corpora


def show(config: RunConfig, path: Path, *, as_json: bool) -> None:
    """Print the resolved configuration, parameters, memory and measured speed."""
    from rnnbench.engine import batches, estimates

    described = corpora.describe(path, config.corpus, config.text)
    batches.check_length(described.splits[0].tokens, config.training)
    size = described.vocabulary_size
    rate = estimates.tokens_per_second(config, size)
    tokens = _budget_tokens(config, described.splits[0].tokens)
    by_clock = config.training.minutes * 60 if config.training.minutes else None
    by_tokens = tokens / rate if tokens else None
    seconds = min(value for value in (by_clock, by_tokens) if value is not None)
    record = {
        "config": config.model_dump(mode="json"),
        "vocabulary_size": size,
        "parameters": sizing.parameters(config.model, size),
        "memory_bytes": sizing.training_bytes(config, size),
        "tokens_per_second": round(rate, 1),
        "seconds": round(seconds, 1),
    }
    if as_json:
        output.json_data(record)
        return
    output.data(configuration.to_toml(config).rstrip())
    output.data("")
    output.data(f"vocabulary   {size:,} tokens from {described.splits[0].tokens:,} training tokens")
    output.data(f"parameters   {record['parameters']:,}")
    output.data(f"memory       about {sizing.training_bytes(config, size) / 1e6:,.0f} MB while training")
    output.data(f"speed        {rate:,.0f} tokens/s, measured now; evaluation and checkpoints not counted")
    output.data(f"time         about {duration(seconds)}")
    output.say("nothing was written (dry run)")


def _budget_tokens(config: RunConfig, train_tokens: int) -> float | None:
    training = config.training
    limits = []
    if training.max_steps:
        limits.append(training.max_steps * training.batch_size * training.steps_per_sequence)
    if training.epochs:
        limits.append(training.epochs * train_tokens)
    return min(limits) if limits else None
