"""One row of the form: a label, a compact field, and what is wrong with it on the lines below."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.geometry import Offset
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select

from rnnbench.tui.cells import cell_len, wrap
from rnnbench.tui.words import tr
from rnnbench.visible import visible, visible_each

LABEL_WIDTH = 19


class LineInput(Input):
    """A one-line text field without a frame and without a blinking cursor, which would never let a line rest."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, classes: str = "") -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=classes, compact=True)
        self.cursor_blink = False

    def validate_placeholder(self, text: str) -> str:
        """What stands in an empty field may come from a file."""
        return visible(text)

    @property
    def _value(self) -> Text:
        """What is drawn. The value keeps what was pasted: a text that is asked about may hold a tab."""
        return Text(visible_each(self.value), no_wrap=True, overflow="ignore", end="")

    def _position_to_cell(self, position: int) -> int:
        """Where the cursor stands, so that it is on the character that is drawn there."""
        return cell_len(visible_each(self.value[:position]))

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the terminal's cursor is put, and an input method opens its window: where the cursor is drawn."""
        region = self.content_region
        return Offset(region.x + self._position_to_cell(self.cursor_position) - self.scroll_offset.x, region.y)

    def on_focus(self) -> None:
        """A field that has only just appeared has no place before the next layout."""
        self.call_after_refresh(self._place_cursor)

    def on_resize(self) -> None:
        """The field has a place now, or another one."""
        self.call_after_refresh(self._place_cursor)

    def _place_cursor(self) -> None:
        if self.has_focus and self.app.cursor_position != self.cursor_screen_offset:
            self.app.cursor_position = self.cursor_screen_offset
            self.refresh()


class FieldInput(LineInput):
    """A text field of the form, which tells when backspace finds nothing to delete."""

    class Emptied(Message):
        """There was nothing to delete."""

    def action_delete_left(self) -> None:
        """Delete a letter, or tell."""
        if self.value:
            super().action_delete_left()
        else:
            self.post_message(self.Emptied())


class Choice(Select[str], inherit_bindings=False):
    """A choice between words: left and right change it, enter opens the list; up and down move between fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "All choices", show=False),
        Binding("right", "turn(1)", "Next choice", show=False),
        Binding("left", "turn(-1)", "Previous choice", show=False),
    ]

    def __init__(self, words: Sequence[str], value: str, *, classes: str = "") -> None:
        options = [(word or tr("none"), word) for word in words]
        super().__init__(options, allow_blank=False, value=value, classes=classes, compact=True)
        self._words = list(words)

    def action_turn(self, by: int) -> None:
        """Take the choice that many places further, round and round."""
        self.value = self._words[(self._words.index(str(self.value)) + by) % len(self._words)]


class FormFields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows of the form. Up and down move between the fields and the titles of what is folded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next field", show=False),
        Binding("up", "move(-1)", "Previous field", show=False),
    ]

    def action_move(self, by: int) -> None:
        """To the field or title below or above."""
        move: Any = self.screen.focus_next if by > 0 else self.screen.focus_previous
        move(".field-input, CollapsibleTitle")


class FieldRow(Widget):
    """A field of the form with its label, marked where it is not what the form was filled from."""

    class Edited(Message):
        """The user changed the field."""

        def __init__(self, key: str, text: str) -> None:
            super().__init__()
            self.key = key
            self.text = text

    class Reset(Message):
        """The user wants the field back as it was filled."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, key: str, label: str, words: Sequence[str] = (), text: str = "", following: str = "") -> None:
        super().__init__(classes="field" if text else "field -default")  # later it would be styled a second time
        self.key = key
        self.label = label
        self.problem = ""
        self.changed = False
        self._words = words
        self._text = text
        self._following = following

    def compose(self) -> ComposeResult:
        if self._words:
            yield Choice(self._words, self._text or self._following, classes="field-input")
        else:
            yield FieldInput(self._text, placeholder=self._following, classes="field-input")

    def render(self) -> Content:
        """The label, and what is wrong below it; the field itself is a child that covers the rest."""
        label = Content.styled(self.label, "$text-error" if self.problem else "")
        mark = Content.styled(f"{' ' * (LABEL_WIDTH - 2 - cell_len(self.label))}•", "bold $text-accent")
        lines = [label + mark if self.changed else label]
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

    def show_changed(self, changed: bool) -> None:
        """Mark that it differs from what the form was filled from, or that it does not."""
        if changed != self.changed:
            self.changed = changed
            self.refresh()

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
        self.screen.focus_next(".field-input, CollapsibleTitle")

    @on(FieldInput.Emptied)
    def _emptied(self, event: FieldInput.Emptied) -> None:
        event.stop()
        self.post_message(self.Reset(self.key))

    def _tell(self, text: str) -> None:
        self.post_message(self.Edited(self.key, text))
