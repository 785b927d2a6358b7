"""evaluate: how well a run predicts a split of its text, or any other text."""

from typing import TYPE_CHECKING, Annotated

import typer

from rnnbench.cli import output, records
from rnnbench.cli.train import find_corpus
from rnnbench.config import CorpusConfig
from rnnbench.errors import UsageError
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure, figure_texts, score_text
from rnnbench.runs.store import RunStore
from rnnbench.visible import visible

if TYPE_CHECKING:
    from rnnbench.engine.rescoring import Rescored


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)],
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Any other text; else a split of its own.", show_default=False),
    ] = None,
    split: Annotated[str | None, typer.Option(help="train, validation or test; test where there is one.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last or a step.")] = "best",
    encoding: Annotated[str | None, typer.Option(help="Encoding of FILE; else detected.")] = None,
    errors: Annotated[str | None, typer.Option(help="Bytes of FILE that are not text: strict or replace.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="CPU threads.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Score every token of a text with a run's weights, beside what counting achieves."""
    if file is not None and split is not None:
        raise UsageError("--split is for the run's own text", "give FILE or --split, not both")
    if file is None and (encoding or errors):
        raise UsageError("--encoding and --errors are for FILE", "the run's own text is read as it was trained on")
    found = RunStore(context.obj).find(run)
    import torch

    from rnnbench.engine.rescoring import Scorer

    torch.set_num_threads(threads)
    scorer = Scorer(found, context.obj, checkpoint, lambda *_: None, lambda: None)
    if file is None:
        _tell(scorer.split(split or _usual_split(found.config().corpus)), as_json=json)
        return
    path = find_corpus(context.obj, file)
    chosen = {"file": str(path), "encoding": encoding or "auto", "errors": errors or "strict"}
    _tell(scorer.file(path, _corpus(chosen)), as_json=json)


def _corpus(values: dict[str, str]) -> CorpusConfig:
    from rnnbench.config import validate

    return validate({"corpus": values}).corpus


def _usual_split(corpus: CorpusConfig) -> str:
    return "test" if corpus.test_fraction else "validation"


def _tell(found: "Rescored", *, as_json: bool) -> None:
    record = records.rescored_record(found)
    if as_json:
        output.json_data(record)
        return
    score = found.result.score
    output.data(visible(f"run        {found.run}, checkpoint of step {found.step:,}"))
    output.data(visible(f"text       {found.text}, {found.split} of {score.tokens_total:,} tokens"))
    output.data(f"score      {score_text(score, found.task)}")
    for text in figure_texts(found.result.figures):
        output.data(f"           {text}")
    output.data(f"scored     {score.tokens_scored:,} tokens, coverage {score.coverage:.1%}")
    if score.unknown_tokens:
        why = "; bits per character are withheld: there is nothing to spell them by" * (score.spelling_nats is None)
        output.data(f"unknown    {score.unknown_tokens:,} tokens, {score.out_of_vocabulary_rate:.2%}{why}")
    for row in found.baselines.rows if found.baselines else ():
        if row.loss_nats is not None:
            output.data(f"{row.name:<10} perplexity {figure(perplexity(row.loss_nats))}")
