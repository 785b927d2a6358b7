"""The one-line bars: tabs above the panes of a narrow screen, status and keys below."""

from collections.abc import Iterator

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from rnnbench.tui import actions
from rnnbench.tui.actions import Action
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.terms import place_title
from rnnbench.tui.words import tr
from rnnbench.visible import visible

ANSWER_SECONDS, SAID_SECONDS, ERROR_SECONDS = 10.0, 12.0, 60.0
_PINNED = ("show_help", "palette")  # there whatever else there is no room for
_GAP = "   "


class PaneTabs(Widget):
    """The names of the panes, where only one can be seen."""

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._active = actions.PANES[0]

    def show(self, active: str) -> None:
        """Mark the pane that is seen."""
        if active != self._active:
            self._active = active
            self.refresh()

    def render(self) -> Content:
        """All tabs; only their numbers, but for the active one, where there is no room."""
        return Content("").join(
            Content.styled(text, "bold $text-primary reverse" if name == self._active else "")
            for name, text in self._labels()
        )

    def on_click(self, event: Click) -> None:
        """Show the pane under the mouse."""
        end = 0
        for name, text in self._labels():
            end += cell_len(text)
            if event.x < end:
                self.post_message(self.Picked(name))
                return

    def columns(self) -> Iterator[tuple[str, int]]:
        """The first column of each tab."""
        column = 0
        for name, text in self._labels():
            yield name, column
            column += cell_len(text)

    def _labels(self) -> list[tuple[str, str]]:
        labels = [(name, f" {index + 1} {place_title(name)} ") for index, name in enumerate(actions.PANES)]
        if sum(cell_len(text) for _, text in labels) <= self.size.width:
            return labels
        return [(name, text if name == self._active else text[:3]) for name, text in labels]


class StatusLine(Static):
    """One line: the open run in a few words, and the last thing that was said."""

    def __init__(self) -> None:
        super().__init__("", id="status", markup=False)
        self._summary = Content("")
        self._message = ""
        self._error = False
        self._answer = False
        self._warning = ""
        self._forgets: Timer | None = None

    @property
    def message(self) -> str:
        """The last thing that was said."""
        return self._message

    def summarise(self, summary: Content) -> None:
        """Say where the open run stands."""
        if summary != self._summary:
            self._summary = summary
            self._draw()

    def say(self, message: str, *, error: bool = False, answer: bool = False) -> None:
        """Say something; it stays for a while, an error longer, or until something else is said. What only answers a
        key goes with the next one."""
        self._message, self._error, self._answer = visible(message), error, answer
        if self._forgets is not None:
            self._forgets.stop()
        seconds = ANSWER_SECONDS if answer else ERROR_SECONDS if error else SAID_SECONDS
        self._forgets = self.set_timer(seconds, self._forget)
        self._draw()

    def warn(self, message: str) -> None:
        """Say what is wrong whatever is done next; it comes back once when something else was said before its time."""
        self._warning = visible(message)
        self.say(message, error=True)

    def forget_answer(self) -> None:
        """Another key was pressed: what was answered to the last one is not news any more."""
        if self._answer:
            if self._forgets is not None:
                self._forgets.stop()
            self._forget()

    def has_room_for(self, message: str) -> bool:
        """Whether the whole message can be read here."""
        taken = self._mark().cell_length + len(_GAP) if self._mark() else 0
        return taken + cell_len(visible(message)) <= self.content_size.width

    def _mark(self) -> Content:
        """That nothing can be changed here, where that is so."""
        return Content.styled(tr("read-only"), "bold $text-warning") if preferences_of(self).read_only else Content("")

    def _forget(self) -> None:
        """What was said a while ago is not news any more, and may not be true any more."""
        said, warning = self._message, self._warning
        self._message, self._answer, self._forgets, self._warning = "", False, None, ""
        if warning and warning != said:
            self.say(warning, error=True)
        else:
            self._draw()

    def _draw(self) -> None:
        """The summary makes room for a message that does not fit beside it; it is back when that is forgotten."""
        said = Content.styled(self._message, "$text-error" if self._error else "")
        taken = sum(part.cell_length + len(_GAP) for part in (self._mark(), self._summary) if part)
        beside = taken + said.cell_length <= self.content_size.width
        parts = [part for part in (self._mark(), self._summary if beside or not said else None, said) if part]
        self.update(Content(_GAP).join(parts), layout=False)


def _footer(places: tuple[str, ...], state: str) -> list[Action]:
    found = [action for place in places for action in actions.actions_for(place) if action.footer]
    return [action for action in found if action.applies(state)]


class KeyLine(Widget):
    """The keys that do something here; a click does it too."""

    class Picked(Message):
        """A key was clicked."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._shown: list[Action] = []

    def show(self, places: tuple[str, ...], state: str, focused: Widget | None) -> None:
        """Show the keys of the places, most local first, that make sense with a run in that state; in a text field
        only those that are not typed."""
        shown = _footer(places, state)
        if isinstance(focused, Input):
            shown = [action for action in shown if action.in_field]
            shown += [] if any("escape" in action.keys for action in shown) else [actions.by_id("leave_field")]
        self._set([*shown, actions.by_id("palette")])

    def show_dialog(self, place: str) -> None:
        """Show the keys of a dialog, and no others: nothing else can be done while it is open."""
        self._set(_footer((place,), ""))

    def _set(self, shown: list[Action]) -> None:
        read_only = preferences_of(self).read_only
        shown = [action for action in dict.fromkeys(shown) if not (read_only and action.writes)]
        shown.sort(key=lambda action: _PINNED.index(action.id) if action.id in _PINNED else -1)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Content:
        """As many keys as there is room for; at the end always the help and the palette."""
        return Content.assemble(
            *(
                part
                for action, text in self._items()
                for key in [self._key(action)]
                for part in ((f" {key} ", "bold $text-accent"), (text[len(key) + 2 :], ""))
            )
        )

    def _key(self, action: Action) -> str:
        return actions.key_map_of(self).text(action)

    def _items(self) -> list[tuple[Action, str]]:
        room, items = self.size.width, []
        texts = {action: f" {self._key(action)} {tr(action.title)} " for action in self._shown}
        last = [action for action in self._shown if action.id in _PINNED] or self._shown[-1:]
        room -= sum(cell_len(texts[action]) for action in last)
        for action in self._shown[: len(self._shown) - len(last)]:
            if cell_len(texts[action]) <= room:
                items.append((action, texts[action]))
                room -= cell_len(texts[action])
        return [*items, *((action, cut(texts[action], self.size.width)) for action in last)]

    def on_click(self, event: Click) -> None:
        """Do what the key under the mouse does."""
        end = 0
        for action, text in self._items():
            end += cell_len(text)
            if event.x < end:
                self.post_message(self.Picked(action))
                return
