"""From the workbench into the queue and to the machine."""

from rnnbench.config import RunConfig
from rnnbench.runs import queue_runner
from rnnbench.runs.queue import Added
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.screens.steering import SteeringScreen
from rnnbench.tui.words import tr


class QueueingScreen(SteeringScreen):
    """A screen with a form, whose run can wait for its turn."""

    def offered(self) -> tuple[RunConfig, str]:
        """What the form says, and the name of the run. Raises UsageError that says all that is wrong."""
        raise NotImplementedError

    def _runs_closed(self, name: str | None) -> None:
        """A list was closed, with the name of the run to open or with none."""
        raise NotImplementedError

    def queue(self, config: RunConfig, name: str) -> None:
        """Let a run wait for its turn."""
        in_background(self, lambda: queue_runner.add(self._workspace, config, name), self._queued, self.fail)

    def _queued(self, added: Added) -> None:
        self.say(queued_text(added))
        self._runs_closed(None)

    def keep_queue_going(self) -> None:
        """Start what waits, when nobody does: its runner has gone with the machine, or was killed."""
        if not actions.refusal(self):
            in_background(self, lambda: queue_runner.keep_going(self._workspace), self._told_waiting, self.fail)

    def _told_waiting(self, count: int) -> None:
        if count:
            self.say(tr("the queue goes on: {count} waiting ({key[show_queue]})", count=count))

    def action_show_queue(self) -> None:
        """What waits; comes back with the name of a run to open."""
        from rnnbench.tui.screens.queue import QueueScreen  # not needed for the first screen

        self.app.push_screen(QueueScreen(self._workspace, self.offered), self._runs_closed)

    def action_show_machine(self) -> None:
        """What the machine does."""
        from rnnbench.tui.screens.machine import MachineScreen  # psutil is not needed for the first screen

        self.app.push_screen(MachineScreen(self._workspace))


def queued_text(added: Added) -> str:
    """What was done, for the status line."""
    return tr("queued {name}, {count} before it", name=added.entry.name, count=added.before)
