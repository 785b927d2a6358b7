"""One row of the form: a label, a compact field, and what is wrong with it on the lines below."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select

from rnnbench.tui.cells import wrap
from rnnbench.visible import visible

LABEL_WIDTH = 19


class LineInput(Input):
    """A one-line text field without a frame and without a blinking cursor, which would never let a line rest."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, classes: str = "") -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=classes, compact=True)
        self.cursor_blink = False


class Choice(Select[str], inherit_bindings=False):
    """A choice between words: left and right change it, enter opens the list; up and down move between fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "All choices", show=False),
        Binding("right", "turn(1)", "Next choice", show=False),
        Binding("left", "turn(-1)", "Previous choice", show=False),
    ]

    def __init__(self, words: Sequence[str], value: str, *, classes: str = "") -> None:
        options = [(word or "none", word) for word in words]
        super().__init__(options, allow_blank=False, value=value, classes=classes, compact=True)
        self._words = list(words)

    def action_turn(self, by: int) -> None:
        """Take the choice that many places further, round and round."""
        self.value = self._words[(self._words.index(str(self.value)) + by) % len(self._words)]


class FieldRow(Widget):
    """A field of the form with its label."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next field", show=False),
        Binding("up", "move(-1)", "Previous field", show=False),
    ]

    class Edited(Message):
        """The user changed the field."""

        def __init__(self, key: str, text: str) -> None:
            super().__init__()
            self.key = key
            self.text = text

    def __init__(self, key: str, label: str, words: Sequence[str] = (), text: str = "", following: str = "") -> None:
        super().__init__(classes="field")
        self.key = key
        self.label = label
        self.problem = ""
        self._words = words
        self._text = text
        self._following = following

    def compose(self) -> ComposeResult:
        if self._words:
            yield Choice(self._words, self._text or self._following, classes="field-input")
        else:
            yield LineInput(self._text, placeholder=self._following, classes="field-input")

    def on_mount(self) -> None:
        self._show_default()

    def render(self) -> Content:
        """The label, and what is wrong below it; the field itself is a child that covers the rest."""
        lines = [Content.styled(self.label, "$text-error" if self.problem else "")]
        lines += [Content.styled(line, "$text-error") for line in self._problem_lines()]
        return Content("\n").join(lines)

    @property
    def control(self) -> Widget:
        """The field that takes the focus."""
        return self.query_one(".field-input")

    def show(self, text: str, following: str) -> None:
        """Show the text that is set, or else, dimmed, the value the field follows."""
        self._text, self._following = text, following or self._following
        field = self.control
        if isinstance(field, Choice):
            field.value = text or self._following
        elif isinstance(field, Input):
            field.placeholder = self._following
            if field.value != text:
                field.value = text
        self._show_default()

    def mark(self, text: str) -> None:
        """Know what the user has just typed, without touching the field."""
        self._text = text
        self._show_default()

    def show_problem(self, message: str) -> None:
        """Show what is wrong, or that nothing is."""
        if message != self.problem:
            self.problem = message
            self.set_class(bool(message), "-wrong")
            self._fit()

    def _show_default(self) -> None:
        self.set_class(not self._text, "-default")

    def _problem_lines(self) -> list[str]:
        return wrap(visible("! " + self.problem), max(self.size.width, 20)) if self.problem else []

    def _fit(self) -> None:
        self.styles.height = 1 + len(self._problem_lines())
        self.refresh(layout=True)

    def on_resize(self, event: Resize) -> None:
        if (
            self.problem
            and self.styles.height is not None
            and self.styles.height.value != 1 + len(self._problem_lines())
        ):
            self._fit()

    def action_move(self, by: int) -> None:
        """To the field above or below."""
        move: Any = self.screen.focus_next if by > 0 else self.screen.focus_previous
        move(".field-input")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell(event.input.value.strip())

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        self._tell(str(event.select.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_move(1)

    def _tell(self, text: str) -> None:
        self.post_message(self.Edited(self.key, text))
