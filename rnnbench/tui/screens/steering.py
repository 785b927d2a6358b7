"""What can be asked of the open run: to pause, to go on, to stop, to save, to write, to use other settings."""

from functools import partial

from rnnbench.config import RunConfig
from rnnbench.runs import wishes
from rnnbench.runs.jobs import Job
from rnnbench.runs.settings import present
from rnnbench.runs.store import PAUSED, TRAINED, Run
from rnnbench.runs.wishes import Wish
from rnnbench.tui.attachment import Attachment
from rnnbench.tui.background import in_background
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.control import RunControl
from rnnbench.tui.screens.settings import Changes, SettingsScreen
from rnnbench.tui.terms import told_of
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace


class SteeringScreen(PlaceScreen):
    """A screen with a run open on it."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._control = RunControl(self, workspace)
        self.attachment: Attachment | None = None

    @property
    def run_state(self) -> str:
        return self.attachment.state if self.attachment is not None else ""

    def open(self, run: Run, job: Job | None = None) -> None:
        """Watch a run."""
        raise NotImplementedError

    def action_stop(self) -> None:
        """Stop the open run."""
        if self.attachment is None or not self.attachment.is_training:
            self.nothing(tr("no run is training here"))
        else:
            self._control.stop(self.attachment.run)

    def action_resume(self) -> None:
        """Go on with the open run."""
        if self.attachment is None:
            self.nothing(tr("no run is open"))
        elif self.attachment.state == PAUSED:
            self.action_go_on()
        elif self.attachment.is_training:
            self.nothing(tr("{name} is training already", name=self.attachment.run.name))
        else:
            self._control.resume(self.attachment.run.name, self._resumed)

    def _resumed(self, job: Job) -> None:
        self.say(tr("resuming {name}", name=job.run.name))
        self.open(job.run, job)

    def action_pause(self) -> None:
        """Let the open run save and wait."""
        self._wish(wishes.PAUSE)

    def action_go_on(self) -> None:
        """Let the open run go on after a pause."""
        self._wish(wishes.CONTINUE)

    def action_save(self) -> None:
        """A checkpoint of the open run now."""
        self._wish(wishes.SAVE)

    def action_sample(self) -> None:
        """A sample in the open run's log now."""
        self._wish(wishes.SAMPLE)

    def _wish(self, *asked: Wish) -> None:
        """Ask for something that the log will say was done; or say why not."""
        if self.attachment is None or self.attachment.state not in TRAINED:
            self.nothing(tr("no run is training here"))
            return
        for wish in asked:
            if reason := wishes.refusal(wish, self.attachment.state):
                self.nothing(told_of(self.attachment.run.name, reason))
                return
            self.attachment.expect(wish)
        self._control.wish(self.attachment.run, *asked)

    def tell_answers(self) -> None:
        """Say what has been done of what was asked."""
        if self.attachment is not None and (answers := self.attachment.take_answers()):
            self.say(f"{self.attachment.run.name}: {'; '.join(answers)}")

    def action_change(self) -> None:
        """Other settings for the open run."""
        attachment = self.attachment
        if attachment is None or attachment.state not in TRAINED:
            self.nothing(tr("no run is training here: these settings are changed while it does"))
        elif not attachment.is_read:  # the present values stand in the log
            self.nothing(tr("the run's log is still being read"))
        else:
            in_background(self, attachment.run.config, partial(self._show_settings, attachment), self.fail)

    def _show_settings(self, attachment: Attachment, config: RunConfig) -> None:
        last = attachment.progress.last_step
        dialog = SettingsScreen(
            attachment.run.name, present(config, attachment.progress), last.learning_rate if last else None
        )
        self.app.push_screen(dialog, self._settings_chosen)

    def _settings_chosen(self, changes: Changes | None) -> None:
        if changes:
            self._wish(*(wishes.change(item) for item in changes))
