"""Training as a generator of events: it never prints, never draws, and does not know who listens."""

import math
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from statistics import fmean

import torch
from torch import Tensor

from rnnbench.config import RunConfig
from rnnbench.engine import checkpoints, distributed, fine_tuning, launch, obeying, optimization, patience, schedules
from rnnbench.engine.control import Control
from rnnbench.engine.distributed import Plan, World
from rnnbench.engine.session import Session, load_weights
from rnnbench.engine.tasks import Result, Update
from rnnbench.engine.tasks.base import Text
from rnnbench.engine.tasks.making import measure_baselines, read_text
from rnnbench.errors import CheckpointError, DivergedError, Stopped, UnavailableError
from rnnbench.runs import narration
from rnnbench.runs.events import EvaluationDone, Event, Prepared, RunFinished, StepDone, Warned
from rnnbench.runs.store import Run
from rnnbench.text.baselines import Baselines
from rnnbench.workspace import Workspace

_REPORT_SECONDS = 0.25
_PREPARED_SECONDS = 0.5
_SMALL_STEPS = 128  # at one go: some milliseconds, so that nobody who asks for an end has to wait


def train(config: RunConfig, run: Run, workspace: Workspace, control: Control) -> Iterator[Event]:
    """Train a run, or continue it, to the end of its budget. Raises RnnbenchError, and Stopped when asked to stop.

    Of several processes this is rank 0; follower.py is what the others do.
    """
    with distributed.lead(launch.find_place()) as world:
        yield from _train_in(world, config, run, workspace, control)


def _train_in(world: World, config: RunConfig, run: Run, workspace: Workspace, control: Control) -> Iterator[Event]:
    text, baselines = yield from _read_text(config, run, workspace, control)
    world.announce(Plan(run.name, config, text.ids_digest))
    session = Session.prepare(config, run, text, control, world)
    yield session.started(baselines)
    yield from (Warned(message=notice) for notice in session.notices)
    yield from fine_tuning.begin(session, workspace)
    yield from session.restore()
    session.start_clock()
    try:
        yield from _train_to_the_end(session)
        yield from _finish(session)
    except torch.OutOfMemoryError as error:
        raise UnavailableError(
            f"out of memory on {session.device} at step {session.position.step}: {str(error).splitlines()[0]}",
            "lower --batch-size, --steps-per-sequence or --hidden; the last checkpoint was kept",
        ) from None


def _read_text(
    config: RunConfig, run: Run, workspace: Workspace, control: Control
) -> Generator[Event, None, tuple[Text, Baselines]]:
    """Encode the text, or find it encoded, and count on it, in a thread; tell how far it is."""
    path, known = workspace.find_corpus(config.corpus.file), fine_tuning.known_vocabulary(config, run, workspace)
    latest = Prepared(phase="reading the text", done=0, total=0)

    def report(phase: str, done: int, total: int) -> None:
        nonlocal latest
        latest = Prepared(phase=phase, done=done, total=total)
        if control.stop_code is not None:
            raise Stopped(control.stop_code)

    def work() -> tuple[Text, Baselines]:
        text = read_text(path, config, workspace.cache, report, known)
        return text, measure_baselines(text, "validation", lambda: report("counting n-grams", 0, 1))

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        told = time.monotonic()
        while not future.done():
            control.poll()
            time.sleep(0.005)
            if time.monotonic() - told > _PREPARED_SECONDS:
                told = time.monotonic()
                yield latest
        return future.result()


def _train_to_the_end(session: Session) -> Iterator[Event]:
    """Train; where that diverges, again from the last good checkpoint, as often as the configuration allows."""
    while True:
        try:
            yield from _train(session)
            return
        except DivergedError as error:
            yield from session.roll_back(error)


def _train(session: Session) -> Iterator[Event]:
    """The recipe: evaluate when due, save when due, update; until the budget is used, waiting for an improvement was
    in vain, or somebody asks to stop.
    """
    report = Report(session)
    while True:
        finished = session.finished()
        if session.evaluation_due() or (finished and session.position.evaluated_step != session.position.step):
            yield from report.flush()
            yield from _evaluate(session)
            report.restart()
        if finished or session.stops_early:
            break
        if session.checkpoint_due():
            yield from report.flush()
            yield session.save()
            report.restart()
        if session.control.stopping:
            yield from report.flush()
            yield session.save()
            session.control.check()
        if obeying.is_asked(session):
            yield from report.flush()
            yield from obeying.obey(session)
            report.restart()
            continue
        report.add(*_update(session))
        if report.due():
            yield from report.flush()
    yield from report.flush()


def _update(session: Session) -> tuple[Update, Tensor | float, float]:
    """One update on the batches of this position, or several small ones: (what they gave, gradient norm, rate)."""
    training, position = session.config.training, session.position
    rate = schedules.learning_rate(training, position.step, session.fraction_done(), position.drops)
    rate *= (position.learning_rate or training.learning_rate) / training.learning_rate
    rate *= fmean(session.task.rate_share(batch) for batch in session.batches_of(position.step))
    session.world.tell_step(position.step, rate, position.clip_norm)
    return *advance(session, rate), rate


def advance(session: Session, rate: float) -> tuple[Update, Tensor | float]:
    """What every process does in an update at a learning rate: (what the batches gave, gradient norm)."""
    position = session.position
    norm: Tensor | float
    small = session.task.takes_small_steps and position.clip_norm is None  # they clip as the configuration says
    update, norm = (_take_small_steps if small else _descend)(session, rate)
    session.state = update.state.detach()  # truncated BPTT: the state goes on, the gradient does not (Werbos 1990)
    session.position = replace(position, step=position.step + update.loss.numel())
    return update, norm


def _take_small_steps(session: Session, rate: float) -> tuple[Update, float]:
    """Updates of a tiny network at one go: (what they gave, the last one's gradient norm)."""
    step = session.position.step
    taken = session.task.small_steps(step, session.steps_alone(_SMALL_STEPS), session.state, rate)
    count = len(taken.losses_N)
    session.position = replace(session.position, step=step + count - 1)
    _refuse_divergence(session, taken.losses_N[-1], taken.norm, rate)
    return Update(taken.losses_N, taken.state, count * session.tokens_per_step), taken.norm


def _descend(session: Session, rate: float) -> tuple[Update, Tensor]:
    """The gradient of the batches, clipped, and a step of the optimizer: (what the batches gave, gradient norm)."""
    training, parameters = session.config.training, session.optimizer.param_groups[0]["params"]
    if not session.network.training:  # asking is cheap, telling every layer is not
        session.network.train()
    optimization.forget_gradients(parameters)
    update = session.world.agreed(_gradients(session, parameters))
    norm = optimization.clip(parameters, session.clip_norm, training.clip_value)
    _refuse_divergence(session, update.loss, norm, rate)
    optimization.step(session.optimizer, rate)
    return update, norm


def _gradients(session: Session, parameters: list[Tensor]) -> Update:
    """Backpropagate the mean loss over all tokens of an update; of several batches, one after the other."""
    batches = session.batches_of(session.position.step)
    if len(batches) == 1:
        update = session.task.loss(batches[0], session.state)
        torch.autograd.backward(update.loss)
        return update
    total, tokens, state = torch.zeros((), device=session.device), 0, session.state
    for batch in batches:
        update = session.task.loss(batch, state)
        torch.autograd.backward(update.loss * update.tokens)  # batches may differ in size: each token counts the same
        total, tokens, state = (
            total + update.loss.detach() * update.tokens,
            tokens + update.tokens,
            update.state.detach(),
        )
    optimization.divide_gradients(parameters, tokens)
    return Update(total / tokens, state, tokens)


def _refuse_divergence(session: Session, loss: Tensor, norm: Tensor | float, rate: float) -> None:
    """Stop before an update that would spoil the weights. On a CPU looking costs nothing; elsewhere Report looks."""
    if not session.world.place.leads:
        return  # rank 0 looks at the same numbers
    if session.device.type == "cpu" and not (math.isfinite(loss.item()) and math.isfinite(float(norm))):
        raise diverged(session.position.step + 1, loss.item(), float(norm), rate)


def diverged(step: int, loss_nats: float, norm: float, rate: float) -> DivergedError:
    """What to say when a loss or a gradient is not finite any more."""
    return DivergedError(
        f"the loss or gradient is not finite at step {step} (loss {loss_nats:g}, gradient norm {norm:g}, "
        f"learning rate {rate:g}); the last checkpoint was kept",
        "lower --learning-rate or set training.clip_norm, and start again; or train with --on-divergence rollback",
    )


def _evaluate(session: Session) -> Iterator[Event]:
    """Score validation and some of the training text, save when it is the best so far, and let the model write.

    When asked to stop in the middle, the run is saved as it was before; it will evaluate again when resumed.
    """
    began = time.perf_counter()
    try:
        with optimization.averaged(session.optimizer):
            result = session.task.score("validation", session.control.check)
            trained = session.config.evaluation.train_tokens
            frozen = session.task.score_training(trained, session.control.check) if trained else None
    except Stopped:
        yield session.save()
        raise
    seconds = time.perf_counter() - began
    best = session.judge(result.score.loss_nats, seconds)
    yield _evaluated(session.position.step, result, seconds, best=best)
    if frozen is not None:
        yield _evaluated(session.position.step, frozen, 0.0, best=False)
    if session.config.evaluation.sample_length:
        yield from obeying.draw_samples(session)
    if best:
        yield session.save()


def _evaluated(step: int, result: Result, seconds: float, *, best: bool) -> EvaluationDone:
    score = result.score
    if not math.isfinite(score.loss_nats):
        raise diverged(step, score.loss_nats, math.nan, math.nan)
    return EvaluationDone(
        step=step,
        split=result.split,
        figures=dict(result.figures),
        seconds=round(seconds, 3),
        best=best,
        **asdict(score),
    )


def _finish(session: Session) -> Iterator[Event]:
    """Save, and score the test split, once, with the weights that did best on validation."""
    if session.saved_position != session.position:
        yield session.save()
    step = session.position.step
    if session.task.tokens_in("test"):
        try:
            yield _test(session)
        except CheckpointError as error:
            yield Warned(message=f"the test split was not scored: {error}")
    message = patience.reason(session.position, session.config.training) if session.stops_early else ""
    elapsed = round(session.elapsed_seconds(), 3)
    yield RunFinished(reason="finished", step=step, elapsed_seconds=elapsed, message=message)


def _test(session: Session) -> EvaluationDone:
    """The score of the best checkpoint on the test split. Raises CheckpointError when that cannot be read any more."""
    manifest = checkpoints.choose(session.run.checkpoints, "best")
    load_weights(session.network, checkpoints.load(manifest))
    began = time.perf_counter()
    result = session.task.score("test", session.control.check)
    return _evaluated(manifest.step, result, time.perf_counter() - began, best=False)


class Report:
    """Gathers losses on the device and tells them now and then, so that not every step waits for the log."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._losses: list[Tensor] = []
        self._norm: Tensor | float = 0.0
        self._rate = 0.0
        self._every = max(narration.line_interval(session.planned_steps), session.steps_per_loss)
        self.restart()

    def restart(self) -> None:
        """The clock of the rate begins again: what was not training does not count."""
        self._began = time.perf_counter()
        self._tokens = 0

    def add(self, update: Update, norm: Tensor | float, rate: float) -> None:
        """Take the figures of one step, without waiting for them."""
        self._losses.append(update.loss.detach().view(-1))
        self._tokens += update.tokens
        self._norm, self._rate = norm, rate

    def due(self) -> bool:
        """Whether it is time to tell: by the clock, and at the round steps that the log shows."""
        round_step = self._session.position.step % self._every == 0
        return round_step or time.perf_counter() - self._began > _REPORT_SECONDS

    def flush(self) -> Iterator[Event]:
        """Tell every recorded loss that is complete; the rest waits, in the position, for its other steps."""
        if not self._losses:
            return
        session = self._session
        losses = torch.cat(self._losses).double().cpu().tolist()
        self._losses.clear()
        norm = float(self._norm)
        if not (math.isfinite(sum(losses)) and math.isfinite(norm)):
            raise diverged(session.position.step, losses[-1], norm, self._rate)
        complete = self._group(losses)
        tokens, seconds = self._tokens, time.perf_counter() - self._began
        self.restart()
        if complete:
            yield self._event(complete, norm, tokens / seconds)

    def _group(self, losses: list[float]) -> list[float]:
        """Means over `steps_per_loss` steps."""
        position, complete = self._session.position, []
        total, count = position.pending_nats, position.pending_steps
        for loss in losses:
            total, count = total + loss, count + 1
            if count == self._session.steps_per_loss:
                complete.append(round(total / count, 6))
                total, count = 0.0, 0
        self._session.position = replace(position, pending_nats=total, pending_steps=count)
        return complete

    def _event(self, losses: list[float], norm: float, rate: float) -> StepDone:
        session = self._session
        step = session.position.step - session.position.pending_steps
        return StepDone(
            step=step,
            epoch=round(step / session.steps_per_epoch, 4),
            loss_nats=losses[-1],
            losses_nats=tuple(losses),
            learning_rate=float(f"{self._rate:.6g}"),
            gradient_norm=round(norm, 6),
            tokens_per_second=round(rate, 1),
            elapsed_seconds=round(session.elapsed_seconds(), 3),
        )
