"""The panes of the workbench on the screen: side by side or one at a time, in the sizes that the user gave them."""

from collections.abc import Iterator
from functools import partial

from textual import on
from textual.containers import Vertical
from textual.events import DescendantFocus, Resize
from textual.geometry import Offset

from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.jump import Spot
from rnnbench.tui.layout import Layout, layout_from
from rnnbench.tui.memory import load_memory, note, write_down
from rnnbench.tui.panes.bars import PaneTabs
from rnnbench.tui.panes.pane import Pane, pane_of
from rnnbench.tui.screens.steering import SteeringScreen
from rnnbench.tui.words import tr
from rnnbench.workspace import Workspace

WIDE_COLUMNS, TALL_ROWS = 100, 24


class ArrangingScreen(SteeringScreen):
    """A screen with panes in two columns, #left and #right, and with tabs for where there is room for one only."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._active = actions.CORPORA
        self._only = False
        self.layout_chosen = self._shared = Layout()

    def pane(self, name: str) -> Pane:
        """The pane of that name."""
        return self.query_one(f"#{name}", Pane)

    def _summarise(self) -> None:
        """What is seen is another thing now."""

    def on_mount(self) -> None:
        in_background(self, lambda: layout_from(load_memory().layout), self._take_remembered, self.fail)

    def on_resize(self, event: Resize) -> None:
        self._arrange()

    @property
    def _has_room(self) -> bool:
        return self.size.width >= WIDE_COLUMNS and self.size.height >= TALL_ROWS

    def _arrange(self) -> None:
        """Lay the panes out for the size: the same four widgets, in columns or one at a time."""
        wide = self._has_room and not self._only
        self.set_class(not wide, "-tabs")
        for column in self.query("#left, #right").results(Vertical):
            panes = [child for child in column.children if isinstance(child, Pane)]
            for pane in panes:
                pane.display = wide or self._active == pane.NAME
                pane.show_active(self._active == pane.NAME)
            column.display = wide or any(self._active == pane.NAME for pane in panes)
        layout = self.layout_chosen if wide else Layout()
        if layout != self._shared:  # a size that is given again is a layout that is made again
            self._share(layout)
            self._shared = layout
        self.query_one(PaneTabs).show(self._active)
        self._summarise()

    def _share(self, layout: Layout) -> None:
        """Give columns and panes their sizes; those of the style sheet where the user chose none."""
        for name, percent in (("left", layout.left), ("right", _rest(layout.left))):
            styles = self.query_one(f"#{name}").styles
            styles.width = None if percent is None else f"{percent}fr"
            styles.max_width, styles.min_width = (None, None) if percent is None else ("100%", 10)
        for name, percent in (
            (actions.CORPORA, layout.upper_left),
            (actions.MODEL, _rest(layout.upper_left)),
            (actions.TRAINING, layout.upper_right),
            (actions.GENERATE, _rest(layout.upper_right)),
        ):
            styles = self.pane(name).styles
            styles.height = None if percent is None else f"{percent}fr"
            styles.min_height = None if percent is None else 4

    def _activate(self, name: str) -> None:
        if name != self._active:
            self._active = name
            self._arrange()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        super().on_descendant_focus(event)
        pane = pane_of(event.widget)
        if pane is not None:
            self._activate(pane.NAME)

    @on(PaneTabs.Picked)
    def _tab_picked(self, event: PaneTabs.Picked) -> None:
        event.stop()
        self.action_show_pane(event.name)

    def action_show_pane(self, name: str) -> None:
        """Go to a pane."""
        self._activate(name)
        self.pane(name).enter()

    def action_leave_field(self) -> None:
        """Out of a text field, so that single keys are actions."""
        self.pane(self._active).hold_focus()

    def spots(self) -> Iterator[Spot]:
        """The tabs as well, where they are seen."""
        if self.has_class("-tabs"):
            for name, column in self.query_one(PaneTabs).columns():
                yield Spot(Offset(column, 0), partial(self.action_show_pane, name))
        yield from super().spots()

    # Sizes

    def action_widen(self, steps: int) -> None:
        """The column of the pane that has the focus wider, or narrower."""
        self._choose(self.layout_chosen.wider(self._active, steps))

    def action_heighten(self, steps: int) -> None:
        """The pane that has the focus taller, or less tall."""
        self._choose(self.layout_chosen.taller(self._active, steps))

    def action_even_panes(self) -> None:
        """The sizes of the style sheet."""
        self._choose(Layout())

    def action_only_pane(self) -> None:
        """One pane on the whole screen, or all of them again."""
        if not self._has_room:
            self.nothing(tr("there is room for one pane only: 1 to 4 lead to the others"))
        else:
            self._only = not self._only
            self._arrange()

    def _choose(self, layout: Layout) -> None:
        if self.has_class("-tabs"):
            self.nothing(tr("only one pane is seen: nothing can be shared"))
        elif layout != self.layout_chosen:
            self._take_layout(layout)
            note(layout=layout.as_text())
            in_background(self, write_down, lambda _: None, self.fail)

    def _take_remembered(self, layout: Layout) -> None:
        if self.layout_chosen == Layout():  # else a key was faster than the disk
            self._take_layout(layout)

    def _take_layout(self, layout: Layout) -> None:
        if layout != self.layout_chosen:
            self.layout_chosen = layout
            self._arrange()


def _rest(percent: int | None) -> int | None:
    return None if percent is None else 100 - percent
