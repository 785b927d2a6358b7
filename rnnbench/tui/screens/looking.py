"""Opening the view into a model, for a run that has one to look into."""

from functools import partial

from rnnbench.runs.kept import kept
from rnnbench.runs.store import Run
from rnnbench.tui.background import in_background
from rnnbench.tui.fitting import middle_cut
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace

_NAME = 20  # cells: the reason has to be read whole


def look_into(screen: PlaceScreen, workspace: Workspace, run: Run, text: str = "") -> None:
    """Show the model of a run at work on a text; else say there why that cannot be."""

    def open_or_refuse(reason: str) -> None:
        from rnnbench.tui.screens.inspect import InspectScreen  # its table is not needed for the first screen

        if reason:
            screen.nothing(reason)
        elif screen.app.screen is screen:  # else the user has gone on to something else, or asked twice
            screen.app.push_screen(InspectScreen(workspace, run, text))

    in_background(screen, partial(why_not, run), open_or_refuse, screen.fail)


def why_not(run: Run) -> str:
    """Why a run cannot be looked into; empty when it can. Raises RnnbenchError for a run that cannot be read."""
    name = middle_cut(run.name, _NAME)
    if reason := why_not_of_task(name, run.config().model.task):
        return reason
    return "" if kept(run) else tr("{name} has no checkpoint yet: there is no model to look into", name=name)


def why_not_of_task(name: str, task: str) -> str:
    """Why a model that does this cannot be looked into; empty when it can."""
    if task == "language_model":
        return ""
    kind = task.replace("_", " ")
    return tr("{name} is a {kind} run; only language models can be looked into", name=name, kind=kind)
