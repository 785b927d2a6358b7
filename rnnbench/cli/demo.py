"""demo: train a small model on a bundled text, compare it with counting, let it write."""

import typer

from rnnbench import config as configuration
from rnnbench.cli import output
from rnnbench.cli.train import train_here
from rnnbench.metrics import perplexity
from rnnbench.runs.figures import figure
from rnnbench.runs.store import Run, RunStore
from rnnbench.visible import visible

_PROMPT = "Hester "
_LENGTH = 400


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(context: typer.Context) -> None:
    """Train a small LSTM on a bundled story for 45 seconds, and let it write."""
    workspace = context.obj
    chosen = configuration.validate(configuration.read_preset("demo"))
    store = RunStore(workspace)
    run = store.create(store.free_name("demo"), chosen)
    seconds = (chosen.training.minutes or 0) * 60
    output.say(f"training on {chosen.corpus.file} for {seconds:.0f} seconds; ctrl+c ends it early, saved")
    train_here(workspace, run, chosen, as_json=False)
    _compare(run)
    _write(run)
    output.data("")
    output.data(f"The run is kept in {visible(str(run.folder))}.")
    output.data(f"Open the workbench on it:  rnnbench tui {run.name}     (here: .venv/bin/rnnbench tui {run.name})")


def _compare(run: Run) -> None:
    progress = run.progress()
    best, started = progress.best, progress.started
    if best is None or started is None:
        return
    ours, counting = best.score.perplexity, perplexity(started.unigram_loss_nats)
    output.data("")
    output.data(f"validation perplexity   {figure(ours)}   ({best.score.coverage:.0%} of the split scored)")
    output.data(f"unigram baseline        {figure(counting)}   (counting characters)")
    if started.ngram_loss_nats is not None:
        output.data(f"5-gram baseline         {figure(perplexity(started.ngram_loss_nats))}   (counting five in a row)")
    output.data(f"uniform guess           {figure(perplexity(started.uniform_loss_nats))}")


def _write(run: Run) -> None:
    from rnnbench.engine.loading import open_model
    from rnnbench.engine.models import LanguageModel
    from rnnbench.engine.sampling import Decoding, generate

    model = open_model(run)
    assert isinstance(model.network, LanguageModel)
    decoding = Decoding(length=_LENGTH, temperature=0.7, seed=1)
    text = "".join(token.text for token in generate(model.network, model.vocabulary, _PROMPT, decoding))
    output.data("")
    output.data(f"It continues {_PROMPT!r} (temperature 0.7):")
    output.data("")
    output.data(visible(_PROMPT + text, keep_newlines=True))
