"""Runs and texts as the JSON answers of cli.md; the plain answers show the same numbers."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rnnbench.config import size_in_short
from rnnbench.errors import RnnbenchError
from rnnbench.metrics import MEMORISED_PERPLEXITY, Score, bits_per_unit, perplexity
from rnnbench.runs.events import EvaluationDone, RunStarted
from rnnbench.runs.figures import CLOZE, SEQ2SEQ
from rnnbench.runs.notes import read_notes
from rnnbench.runs.progress import RunProgress
from rnnbench.runs.skimming import skim
from rnnbench.runs.store import Run

if TYPE_CHECKING:  # numpy would cost a third of the start-up of every command
    from rnnbench.engine.rescoring import Rescored
    from rnnbench.text.baselines import Baselines
    from rnnbench.text.corpora import CorpusDescription

Record = dict[str, Any]


def finite(value: float | None) -> float | None:
    """JSON has no infinity: a figure that overflowed is null."""
    return value if value is not None and math.isfinite(value) else None


def perplexity_record(loss_nats: float, task: str) -> Record:
    """exp(loss) under its right name: a pseudo-perplexity shares no key with a perplexity."""
    value = finite(perplexity(loss_nats))
    pseudo = task == CLOZE
    return {"perplexity": None if pseudo else value, "pseudo_perplexity": value if pseudo else None}


def score_record(score: Score, task: str = "language_model") -> Record:
    """The figures of one scored split; no bits of a pseudo-likelihood, with which no text could be coded."""
    pseudo = task == CLOZE
    return {
        "loss_nats": score.loss_nats,
        **perplexity_record(score.loss_nats, task),
        "bits_per_character": None if pseudo else finite(score.bits_per_character),
        "bits_per_byte": None if pseudo else finite(score.bits_per_byte),
        "tokens_scored": score.tokens_scored,
        "tokens_total": score.tokens_total,
        "tokens_given": score.tokens_given,
        "coverage": score.coverage,
        "out_of_vocabulary_rate": score.out_of_vocabulary_rate,
    }


def evaluation_record(event: EvaluationDone | None, task: str) -> Record | None:
    """A score, the step it was taken at, and what the task measures beside the loss, by name."""
    return {"step": event.step, **score_record(event.score, task), "figures": event.figures} if event else None


def rescored_record(found: "Rescored") -> Record:
    """What `evaluate --json` tells."""
    rows = found.baselines.rows if found.baselines else ()
    return {
        "run": found.run,
        "text": found.text,
        "split": found.split,
        "checkpoint": found.step,
        "task": found.task,
        **score_record(found.result.score, found.task),
        "unknown_tokens": found.result.score.unknown_tokens,
        "figures": dict(found.result.figures),
        "baselines": {
            row.name: {
                "loss_nats": row.loss_nats,
                "perplexity": finite(perplexity(row.loss_nats)) if row.loss_nats is not None else None,
                "bits_per_character": row.bits_per_character,
            }
            for row in rows
        },
    }


def training_record(progress: RunProgress) -> Record | None:
    """The running training loss: of the last steps, with weights that were moving."""
    loss, started = progress.running_loss_nats, progress.started
    if loss is None or started is None:
        return None
    return {
        "kind": "running",
        "loss_nats": loss,
        **perplexity_record(loss, started.task),
        "bits_per_character": None if started.task == CLOZE else _bits(loss, started),
        "memorised": perplexity(loss) <= MEMORISED_PERPLEXITY,
    }


def _bits(loss_nats: float, started: RunStarted) -> float | None:
    """Bits per character at the text's mean token length; of pairs only a scored split knows its target characters."""
    if started.task == SEQ2SEQ or not started.corpus_tokens:
        return None
    return finite(bits_per_unit(loss_nats * started.corpus_tokens, started.corpus_characters))


def baselines_record(started: RunStarted | None) -> Record | None:
    """What guessing and counting score on the validation split."""
    if started is None:
        return None
    losses = {"uniform": started.uniform_loss_nats, "unigram": started.unigram_loss_nats}
    losses |= {"5-gram": started.ngram_loss_nats} if started.ngram_loss_nats is not None else {}
    return {
        name: {
            "loss_nats": loss,
            "perplexity": finite(perplexity(loss)),
            "bits_per_character": _bits(loss, started),
        }
        for name, loss in losses.items()
    }


def run_record(run: Run) -> Record:
    """Everything that `runs show --json` tells."""
    progress, config = run.progress(), _config(run)
    started, task = progress.started, progress.task
    return {
        "name": run.name,
        "task": _task(progress, config),
        "state": run.state(progress),
        "step": progress.step,
        "epoch": progress.epoch,
        "config": config,
        "parameters": started.parameters if started else None,
        "progress": {
            "train": training_record(progress),
            "train_frozen": evaluation_record(progress.frozen, task),
            "validation": evaluation_record(progress.latest, task),
            "best": evaluation_record(progress.best, task),
            "test": evaluation_record(progress.test, task),
            "tokens_per_second": progress.tokens_per_second,
            "elapsed_seconds": progress.elapsed_seconds,
            "seconds_left": progress.seconds_left,
        },
        "baselines": baselines_record(started),
        "checkpoints": [
            {
                "step": saved.step,
                "best": progress.best is not None and saved.step == progress.best.step,
                "bytes": saved.bytes,
            }
            for saved in _kept(run, progress)
        ],
        "corpus": _corpus(started),
        "device": started.device if started else None,
        "planned_steps": started.planned_steps if started else None,
        "changes": [{"step": event.step, "name": event.name, "value": event.value} for event in progress.settings],
        "warnings": [event.message for event in progress.warnings],
        "message": progress.finished.message if progress.finished else "",
        **_notes(run),
    }


def _notes(run: Run) -> Record:
    """What the user says of a run."""
    notes = read_notes(run.folder)
    return {"tags": list(notes.tags), "note": notes.text}


def _kept(run: Run, progress: RunProgress) -> list[Any]:
    """The last event about each checkpoint whose file is still there."""
    saved = {event.step: event for event in progress.checkpoints}
    return [event for step, event in sorted(saved.items()) if (run.checkpoints / f"step-{step:08d}.json").exists()]


def _config(run: Run) -> Record | None:
    try:
        return run.config().model_dump(mode="json")
    except (OSError, RnnbenchError):
        return None


def _task(progress: RunProgress, config: Record | None) -> str | None:
    """What the run says it predicts, or is to predict."""
    return progress.task or (config["model"]["task"] if config else None)


def _corpus(started: RunStarted | None) -> Record | None:
    if started is None:
        return None
    return {
        "digest": started.corpus_digest,
        "characters": started.corpus_characters,
        "tokens": started.corpus_tokens,
        "vocabulary_size": started.vocabulary_size,
        "encoding": started.encoding,
        "lossy": started.lossy,
        "replaced_characters": started.replaced_characters,
    }


def summary_record(run: Run) -> Record:
    """A run as `runs list --json` tells it."""
    progress = skim(run.events_file)
    config = _config(run)
    best = progress.best
    return {
        "name": run.name,
        "state": run.state(progress),
        "step": progress.step,
        "planned_steps": progress.started.planned_steps if progress.started else None,
        "corpus": config["corpus"]["file"] if config else None,
        "model": size_in_short(*(config["model"][key] for key in ("cell", "hidden", "layers"))) if config else None,
        "task": _task(progress, config),
        "best": evaluation_record(best, progress.task),
        "last_event_at": progress.last_event_at,
        **_notes(run),
    }


def description_record(description: "CorpusDescription", baselines: "Baselines | None" = None) -> Record:
    """A corpus as `corpora show --json` tells it."""
    record: Record = {
        **asdict(description),
        "most_common": [[token, count] for token, count in description.most_common],
    }
    if baselines is not None:
        record["baselines"] = {"split": baselines.split, "rows": [asdict(row) for row in baselines.rows]}
    return record
