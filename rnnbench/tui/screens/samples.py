"""What the model wrote at each evaluation, one step to a page."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from rnnbench.runs.events import SampleDrawn
from rnnbench.runs.figures import CLOZE, SEQ2SEQ
from rnnbench.tui import actions
from rnnbench.tui.panes.bars import KeyLine
from rnnbench.tui.screens.dialog import DialogScreen
from rnnbench.tui.words import tr
from rnnbench.visible import visible


class SamplesScreen(DialogScreen[None]):
    """Opens at the last samples; more may come while it is open."""

    PLACE = actions.SAMPLES
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.SAMPLES),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]

    def __init__(self, samples: Callable[[], Sequence[SampleDrawn]], task: str) -> None:
        super().__init__()
        self._samples = samples
        self._of_task = task
        self._step = max((sample.step for sample in samples()), default=0)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="samples", can_focus=False):
            yield Static("", id="samples-text", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        super().on_mount()
        self._show()

    def action_turn(self, by: int) -> None:
        """To the evaluation before or after, as far as there are any."""
        steps = self._steps()
        place = steps.index(self._step) if self._step in steps else len(steps) - 1  # a resume may have taken it back
        self._step = steps[min(max(place + by, 0), len(steps) - 1)] if steps else 0
        self._show()

    def action_scroll(self, by: int) -> None:
        """A line up or down."""
        self.query_one("#samples").scroll_relative(y=by, animate=False)

    def _steps(self) -> list[int]:
        return sorted({sample.step for sample in self._samples()})

    def _show(self) -> None:
        steps, box = self._steps(), self.query_one("#samples")
        found = [sample for sample in self._samples() if sample.step == self._step]
        box.border_title = tr("Samples at step {n}", n=f"{self._step:,}") if found else tr("Samples")
        place = steps.index(self._step) + 1 if found else 0
        box.border_subtitle = tr("{place} of {count}", place=place, count=len(steps)) if found else ""
        shown = [self._text(sample) for sample in found] or [Content(tr("There are no samples yet."))]
        self.query_one("#samples-text", Static).update(Content("\n\n").join(shown))
        box.scroll_home(animate=False)

    def _text(self, sample: SampleDrawn) -> Content:
        """A prompt and what became of it; an answer does not go on from its prompt."""
        answers = self._of_task in (CLOZE, SEQ2SEQ)
        text = f" -> {sample.text.lstrip()}" if answers else sample.text
        return Content.assemble(
            (visible(sample.prompt, keep_newlines=True), "bold $text-primary"), visible(text, keep_newlines=True)
        )
