"""The first screen: the four panes, and the run that is open in them."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.dom import DOMNode

from rnnbench.config import RunConfig
from rnnbench.errors import ExitCode, RnnbenchError, UsageError
from rnnbench.runs.figures import figure, perplexity_name
from rnnbench.runs.jobs import Job
from rnnbench.runs.store import FINISHED, PAUSED, TRAINED, Run, RunStore
from rnnbench.tui import actions
from rnnbench.tui.actions import Action
from rnnbench.tui.attachment import Attachment, JobEnded
from rnnbench.tui.background import in_background
from rnnbench.tui.feed import RunReplaced
from rnnbench.tui.fitting import middle_cut
from rnnbench.tui.form import CORPUS, FormState
from rnnbench.tui.messages import EndGlanced, EventsArrived, StateChanged
from rnnbench.tui.notifying import SeenTraining
from rnnbench.tui.panes.bars import PaneTabs
from rnnbench.tui.panes.corpora import CorporaPane
from rnnbench.tui.panes.generate import GeneratePane
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.training import STATE_STYLES, TrainingPane
from rnnbench.tui.screens.arranging import ArrangingScreen
from rnnbench.tui.screens.beside import QUEUE, START, BesideScreen
from rnnbench.tui.screens.command import CommandScreen
from rnnbench.tui.screens.experiment import ExperimentScreen
from rnnbench.tui.screens.looking import look_into
from rnnbench.tui.screens.queueing import QueueingScreen
from rnnbench.tui.words import later, tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_SHORT_NAME = 18  # cells of a name in a sentence that has to be read whole
_ORDERLY = (ExitCode.DONE, ExitCode.HUNG_UP, ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class WorkbenchScreen(ArrangingScreen, ExperimentScreen, QueueingScreen):
    """Four panes side by side, or one at a time where there is no room for that."""

    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.WORKBENCH)

    def __init__(self, workspace: Workspace, run: str | None = None) -> None:
        super().__init__(workspace)
        self._wanted = run
        self._marked: list[str] = []  # in the list of runs, from one opening of it to the next
        if run is not None:
            self._active = actions.TRAINING  # that run is what is to be seen where one pane is

    def compose(self) -> ComposeResult:
        yield PaneTabs()
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield CorporaPane(self._workspace)
                yield ModelPane(self._workspace)
            with Vertical(id="right"):
                yield TrainingPane()
                yield GeneratePane(self._workspace)
        yield from self.compose_bars()

    def on_mount(self) -> None:
        self._arrange()
        self.pane(self._active).enter()
        self.show_keys()
        in_background(self, self._first_run, self._first_run_found, self._not_opened)
        self.keep_queue_going()

    def on_unmount(self) -> None:
        if self.attachment is not None:
            self.attachment.close()

    # Panes

    @property
    def _training(self) -> TrainingPane:
        return self.query_one(TrainingPane)

    @property
    def _generate(self) -> GeneratePane:
        return self.query_one(GeneratePane)

    def places(self) -> tuple[str, ...]:
        return (self._active, actions.WORKBENCH)

    def performer(self, action: Action) -> DOMNode:
        return self if actions.WORKBENCH in action.where else self.pane(action.where[0])

    def about(self) -> str:
        return self.pane(self._active).about()

    # The form and the corpora

    @on(CorporaPane.Chosen)
    def _corpus_chosen(self, event: CorporaPane.Chosen) -> None:
        event.stop()
        self._model.choose_corpus(event.path)
        self.say(tr("{name} is chosen", name=event.path.name))

    @on(CorporaPane.ReadAs)
    def _read_as(self, event: CorporaPane.ReadAs) -> None:
        event.stop()
        self._model.choose(event.key, event.value)
        self.say(tr("{key} is {value}", key=event.key, value=event.value))

    @on(CorporaPane.Told)
    def _corpus_told(self, event: CorporaPane.Told) -> None:
        event.stop()
        self._model.show_description(self._corpora.chosen_description)

    @on(ModelPane.Changed)
    def _form_changed(self, event: ModelPane.Changed) -> None:
        event.stop()
        config = self._model.form.resolved()
        if config is not None:
            self._corpora.use_settings(config.corpus, config.text)
        path = self._model.corpus_path()
        if path != self._corpora.chosen:
            self._corpora.mark_chosen(path)

    def action_show_command(self) -> None:
        """The form as a command."""
        try:
            config, name = self._model.request()
        except UsageError as error:
            self._refuse(error)
        else:
            self.app.push_screen(CommandScreen(self._workspace, config, name))

    def _refuse(self, error: UsageError) -> None:
        """Say what is wrong with the form, and go to where it can be put right."""
        self.fail(error)
        if CORPUS in self._model.form.problems():
            self.action_show_pane(actions.CORPORA)
        else:
            self._activate(actions.MODEL)
            self._model.enter_wrong_field()

    # The open run

    def _first_run(self) -> Run | None:
        store = RunStore(self._workspace)
        if self._wanted is not None:
            return store.find(self._wanted)
        return next(iter([*store.running()[:1], *store.newest(1)]), None)

    def _first_run_found(self, run: Run | None) -> None:
        if run is not None and self.attachment is None:
            self.open(run)

    def _not_opened(self, error: RnnbenchError) -> None:
        self.warn(str(error))

    def open(self, run: Run, job: Job | None = None) -> None:
        """Watch a run from the first byte of its log, and talk to it. A run that is open already stays as it is."""
        if self.attachment is not None and self.attachment.run == run and self.attachment.is_there:
            if job is not None:
                self.attachment.take_job(job)
                self._training.touch([])
            return
        self._open_anew(run, job)
        if job is None:
            fill = partial(self._fill_form, run.name, self._model.form.state())
            in_background(self, run.config, fill, self._not_opened)

    def _open_anew(self, run: Run, job: Job | None = None) -> None:
        self._close_run()
        self.attachment = Attachment(self, run, job)
        self._training.attach(self.attachment)
        self._generate.attach(run)
        self.attachment.start()
        self._summarise()
        self._model.refresh_name()

    @on(RunReplaced)
    def _run_replaced(self, event: RunReplaced) -> None:
        """Begin anew with the run that has the name now; the form keeps what was chosen in it."""
        if self.attachment is not None and self.attachment.is_fed_by(event.feed):
            run = self.attachment.run
            self._open_anew(run)
            self.say(tr("{name} was deleted and started again: this is the new one", name=run.name))

    def _fill_form(self, name: str, before: FormState, config: RunConfig) -> None:
        """Take the choices of the run that was opened, unless others were made while they were read."""
        if self._attached(name) and self._model.form.state() == before:
            self._model.begin_with(config, name)
            if not self.status.message:  # else that is what was asked for
                self.say(tr("the form is filled from run {name}", name=name))

    def _close_run(self) -> None:
        if self.attachment is not None:
            self.attachment.close()
            self.attachment = None
            self._training.attach(None)
            self._generate.attach(None)
            self._summarise()

    def _attached(self, run_name: str) -> Attachment | None:
        attachment = self.attachment
        return attachment if attachment is not None and attachment.run.name == run_name else None

    @on(EventsArrived)
    def _events_arrived(self, event: EventsArrived) -> None:
        if attachment := self._attached(event.run_name):
            self._training.touch(attachment.take(event.events))
            event.taken.set()
            self.tell_answers()
            self.show_keys()
            if task := attachment.progress.task:
                self._generate.take_task(task)
            self._summarise()

    @on(EndGlanced)
    def _end_glanced(self, event: EndGlanced) -> None:
        if self._attached(event.run_name):
            self._training.show_end(event.lines)

    @on(StateChanged)
    def _state_changed(self, event: StateChanged) -> None:
        if attachment := self._attached(event.run_name):
            attachment.take_state(event.state)
            if event.state in TRAINED:
                self.post_message(SeenTraining(attachment.run))
            self._run_moved()
            self._training.show_now()

    @on(JobEnded)
    def _job_ended(self, event: JobEnded) -> None:
        if attachment := self._attached(event.run_name):
            attachment.look_again()
            self._run_moved()
            if event.exit_code not in _ORDERLY:
                in_background(self, attachment.run.stderr_tail, self._trainer_said, self.fail)

    def _trainer_said(self, tail: str) -> None:
        """The last line of a trainer that left with an error: it may have left before it could write an event."""
        last = next((line for line in reversed(tail.splitlines()) if line.strip()), "")
        self.fail(RnnbenchError(last.removeprefix("rnnbench: ") or tr("the trainer left without a word")))

    def _run_moved(self) -> None:
        self._training.touch([])
        self._summarise()
        self._model.refresh_name()
        self.show_keys()

    def _summarise(self) -> None:
        """The open run in the status line, where its own pane cannot be seen."""
        attachment = self.attachment
        if attachment is None or self.pane(actions.TRAINING).display:
            self.status.summarise(Content(""))
            return
        state, progress = attachment.state, attachment.progress
        name = tr(perplexity_name(progress.task))
        best = f"  {name} {figure(progress.best.score.perplexity)}" if progress.best else ""
        step = "  " + tr("step {n}", n=f"{progress.step:,}") if progress.step else ""
        self.status.summarise(
            Content.assemble(
                (visible(attachment.run.name), "bold"), " ", (tr(state), STATE_STYLES.get(state, "")), step, best
            )
        )

    # What can be done to it

    def action_start(self) -> None:
        """Train what the form says."""
        try:
            config, name = self._model.request()
        except UsageError as error:
            self._refuse(error)
            return
        attachment = self.attachment
        if attachment is None or attachment.state not in TRAINED:
            self._control.start(config, name, self._started)
            return
        open_run = attachment.run.name
        if attachment.state == PAUSED:
            question = tr("{open} is paused. Start {name} beside it?", open=open_run, name=name)
        else:
            question = tr("{open} is still training. Start {name} beside it?", open=open_run, name=name)

        def answered(answer: str | None) -> None:
            if answer == START:
                self._control.start(config, name, self._started)
            elif answer == QUEUE:
                self.queue(config, name)

        consequence = tr("Both will be slower. The running one goes on when another is opened.")
        self.app.push_screen(BesideScreen(question, consequence), answered)

    def offered(self) -> tuple[RunConfig, str]:
        """What the form says, under a name that is free now."""
        self._model.refresh_name()
        return self._model.request()

    def _started(self, job: Job) -> None:
        self.say(tr("started {name}", name=job.run.name))
        self.open(job.run, job)
        self.action_show_pane(actions.TRAINING)

    def action_train_on(self) -> None:
        """Fill the form for a run that goes on where a finished one ended."""
        if self.attachment is None or self.attachment.state != FINISHED:
            self.nothing(tr("no finished run is open"))
        else:
            run = self.attachment.run
            in_background(self, run.config, partial(self._offer_more, run.name), self.fail)

    def _offer_more(self, name: str, config: RunConfig) -> None:
        begins = self._model.fill_to_train_on(name, config)
        self._activate(actions.MODEL)
        self._model.enter_budget()
        short = middle_cut(visible(name), _SHORT_NAME)
        if begins:
            said = later("this run begins with the weights of {name}: set a budget, {key[leave_field]}, {key[start]}")
        else:
            said = later("pairs begin anew, with the choices of {name}: set a budget, {key[leave_field]}, {key[start]}")
        self.say(tr(said, name=short))

    def action_show_samples(self) -> None:
        """Page through what the open run wrote."""
        from rnnbench.tui.screens.samples import SamplesScreen

        if (attachment := self.attachment) is None:
            self.nothing(tr("no run is open"))
        else:
            self.app.push_screen(SamplesScreen(lambda: attachment.progress.samples, attachment.progress.task))

    def action_inspect(self) -> None:
        """Look into the model of the open run, beginning with what it wrote last."""
        if (attachment := self.attachment) is None:
            self.nothing(tr("no run is open"))
        else:
            last = attachment.progress.samples[-1:]
            text = last[0].prompt + last[0].text if last else ""
            look_into(self, self._workspace, attachment.run, text)

    def action_show_runs(self) -> None:
        """The list of runs; comes back with the name of one to open."""
        from rnnbench.tui.screens.runs import RunsScreen  # its table is not needed for the first screen

        name = self.attachment.run.name if self.attachment else None
        self.app.push_screen(RunsScreen(self._workspace, name, self._marked), self._runs_closed)

    def _runs_closed(self, name: str | None) -> None:
        if self.attachment is not None and not self.attachment.is_there:
            gone = self.attachment.run
            self._close_run()
            if name is None and gone.folder.exists():  # removed and started again
                self.open(gone)
        if name is not None:
            self.open(RunStore(self._workspace).run(name))
            self.action_show_pane(actions.TRAINING)
        self._model.refresh_name()
