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
from textual.widgets import Input

from rnnbench.tui.cells import cell_len, padded, wrap
from rnnbench.tui.words import tr
from rnnbench.visible import visible, visible_each

LABEL_WIDTH = 19
_ARROW_CELLS = 3


class LineInput(Input):
    """A one-line text field without a frame and without a blinking cursor, which would never let a line rest."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None, classes: str = "") -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=classes)
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


class Choice(Widget, can_focus=True):
    """A choice between words: left and right change it, enter opens the list; up and down move between fields.

    One widget: Textual's Select is five, and the form would style and lay out all of them with every key.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "app.list_choices", "All choices", show=False),
        Binding("right", "turn(1)", "Next choice", show=False),
        Binding("left", "turn(-1)", "Previous choice", show=False),
    ]

    class Changed(Message):
        """The user chose another word."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, words: Sequence[str], value: str, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._words = tuple(words)
        self._value = value
        self._is_open = False

    @property
    def value(self) -> str:
        """The word that is shown."""
        return self._value

    def show(self, value: str) -> None:
        """Show another word, which is no news to whoever shows it."""
        if value != self._value:
            self._value = value
            self.refresh()

    def render(self) -> Content:
        """The word, and an arrow at the end of the line."""
        word = padded(_shown(self._value), max(self.content_size.width - _ARROW_CELLS, 0))
        arrow = "▲" if self._is_open else "▼"
        return Content.assemble(word, " ", (arrow, "" if self.has_focus else "$foreground 68%"), " ")

    def action_turn(self, by: int) -> None:
        """Take the choice that many places further, round and round."""
        index = self.index()
        self._choose((index + by) % len(self._words) if index is not None else 0)

    async def on_click(self) -> None:
        """As enter does."""
        await self.run_action("app.list_choices")

    def labels(self) -> list[str]:
        """All its words as they are shown."""
        return [_shown(word) for word in self._words]

    def index(self) -> int | None:
        """Which of them is shown now; None when it is another one."""
        return self._words.index(self._value) if self._value in self._words else None

    def opened(self) -> None:
        """Know that its words are listed."""
        self._is_open = True
        self.refresh()

    def closed(self, index: int | None) -> None:
        """Know that they are not any more, and take the one that was chosen, if one was."""
        self._is_open = False
        self.refresh()
        if index is not None:
            self._choose(index)

    def _choose(self, index: int) -> None:
        if self._words[index] != self._value:
            self.show(self._words[index])
            self.post_message(self.Changed(self._value))


def _shown(word: str) -> str:
    return visible(word) or tr("none")


FIELDS_AND_TITLES = ".field-input, SectionTitle"


class FormFields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows of the form. Up and down move between the fields and the titles of what is folded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next field", show=False),
        Binding("up", "move(-1)", "Previous field", show=False),
    ]

    def action_move(self, by: int) -> None:
        """To the field or title below or above."""
        move: Any = self.screen.focus_next if by > 0 else self.screen.focus_previous
        move(FIELDS_AND_TITLES)


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
        self._text = text
        self._following = following
        self.control: Choice | FieldInput  # the field that takes the focus
        if words:
            self.control = Choice(words, text or following, classes="field-input")
        else:
            self.control = FieldInput(text, placeholder=following, classes="field-input")

    def compose(self) -> ComposeResult:
        yield self.control

    def render(self) -> Content:
        """The label, and what is wrong below it; the field itself is a child that covers the rest."""
        label = Content.styled(self.label, "$text-error" if self.problem else "")
        mark = Content.styled(f"{' ' * (LABEL_WIDTH - 2 - cell_len(self.label))}•", "bold $text-accent")
        lines = [label + mark if self.changed else label]
        lines += [Content.styled(line, "$text-error") for line in self._problem_lines()]
        return Content("\n").join(lines)

    def show(self, text: str, following: str) -> None:
        """Show the text that is set, or else, dimmed, the value the field follows."""
        self._text, self._following = text, following or self._following
        field = self.control
        if isinstance(field, Choice):
            field.show(text or self._following)
        else:
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

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        self._tell(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next(FIELDS_AND_TITLES)

    @on(FieldInput.Emptied)
    def _emptied(self, event: FieldInput.Emptied) -> None:
        event.stop()
        self.post_message(self.Reset(self.key))

    def _tell(self, text: str) -> None:
        self.post_message(self.Edited(self.key, text))
