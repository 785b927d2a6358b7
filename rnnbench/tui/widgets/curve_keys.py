"""What keys do to a chart, wherever there is one: cross-hair, zoom, and moving sideways."""

from textual.dom import DOMNode

from rnnbench.tui.widgets.chart import LearningCurve


class CurveKeys(DOMNode):
    """The actions of a pane or screen with one LearningCurve, which can have the focus. It comes after the pane or
    screen among the bases: `enter` is theirs."""

    def enter(self) -> None:
        """Give the focus to what has it while nobody looks at the curve closely."""
        raise NotImplementedError

    def action_toggle_cross_hair(self) -> None:
        """To the curve, where the arrow keys move a cross-hair; or back."""
        curve = self.query_one(LearningCurve)
        if not curve.has_focus:
            self.screen.set_focus(curve)
        elif curve.toggle_cross_hair() is False:
            self.enter()

    def action_zoom(self, factor: float) -> None:
        """Fewer steps of the curve, or more."""
        self.query_one(LearningCurve).zoom(factor)

    def action_whole(self) -> None:
        """The whole curve."""
        self.query_one(LearningCurve).action_whole()

    def action_pan(self, halves: int) -> None:
        """To the earlier or later half."""
        self.query_one(LearningCurve).pan(halves)
