"""Where a run's model is to be written, and as what."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from rnnbench.runs.exporting import FORMATS, target_problem
from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.panes.fields import LABEL_WIDTH, Choice
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.screens.entry import EntryInput
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import from_home


@dataclass(frozen=True)
class Target:
    """A folder that is new or empty, and the format of the weights."""

    folder: Path
    form: str


class ExportScreen(DialogScreen[Target]):
    """Closes with where to export to, or with None."""

    PLACE = actions.EXPORT
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.EXPORT)
    AUTO_FOCUS = "#export-folder"

    def __init__(self, run_name: str, folder: Path) -> None:
        super().__init__()
        self._run_name, self._folder = run_name, folder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(tr("Export {name}", name=visible(self._run_name)))
            with Horizontal(classes="field"):
                yield Static(f"{tr('format'):<{LABEL_WIDTH}}", classes="setting-label", markup=False)
                yield Choice(FORMATS, FORMATS[0], classes="export-format")
            with Horizontal(classes="field"):
                yield Static(f"{tr('into the folder'):<{LABEL_WIDTH}}", classes="setting-label", markup=False)
                yield EntryInput(str(self._folder), id="export-folder", classes="entry-input")
            yield Static(Content.styled(_note(), "dim"), classes="answers", markup=False)
            yield Static("", id="export-problem", markup=False)
        yield KeyLine()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        text = Content.styled(visible(self._problem()), "$text-error")
        self.query_one("#export-problem", Static).update(text)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._problem():
            self.dismiss(Target(self._target(), str(self.query_one(Choice).value)))

    def _target(self) -> Path:
        return from_home(self.query_one("#export-folder", Input).value.strip())

    def _problem(self) -> str:
        if not self.query_one("#export-folder", Input).value.strip():
            return tr("no folder is named")
        try:
            return target_problem(self._target())
        except ValueError as error:  # a character that no path has
            return str(error)


def _note() -> str:
    return tr(
        "The weights of the best checkpoint, the vocabulary, and a README that loads them without rnnbench. "
        "ONNX is for language models, and needs the extra onnx."
    )
