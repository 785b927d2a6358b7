"""Which steps a chart shows: the whole run, or a window into it."""

from dataclasses import dataclass, replace

_FOLLOWS_BY = 8  # a window that follows the end goes on by such a part of its width at a time, not with every point


@dataclass(frozen=True)
class Window:
    """From step `left` to step `right`, both seen."""

    left: float
    right: float

    @property
    def width(self) -> float:
        """Steps from end to end."""
        return self.right - self.left

    def within(self, whole: "Window") -> "Window":
        """Moved, not narrowed, so that it lies inside the whole."""
        shift = max(whole.left - self.left, 0.0) or min(whole.right - self.right, 0.0)
        return Window(self.left + shift, self.right + shift)

    def moved(self, by: float) -> "Window":
        """Later by so many steps; earlier by negative ones."""
        return Window(self.left + by, self.right + by)

    def zoomed(self, about: float, factor: float) -> "Window":
        """Wider by a factor, narrower below 1; the step `about` stays where it is on the screen."""
        return Window(about - (about - self.left) * factor, about + (self.right - about) * factor)

    def following(self, last: float) -> "Window":
        """Moved on so that step `last` is inside, with a little room behind it."""
        if last <= self.right:
            return self
        return self.moved(last - self.right + self.width / _FOLLOWS_BY)


@dataclass(frozen=True)
class View:
    """A window, or None for the whole, and the step under the cross-hair, or None where there is no cross-hair."""

    window: Window | None = None
    cross: float | None = None

    def shown(self, whole: Window) -> Window:
        """The steps that are seen."""
        return self.window or whole

    def zoomed(self, whole: Window, factor: float, least: float) -> "View":
        """About the cross-hair, or else about the right end; never narrower than `least` steps."""
        before = self.shown(whole)
        inside = self.cross is not None and before.left <= self.cross <= before.right
        about = self.cross if self.cross is not None and inside else before.right
        width = max(before.width * factor, min(least, before.width))
        if width >= whole.width:
            return replace(self, window=None)
        return replace(self, window=before.zoomed(about, width / before.width).within(whole))

    def panned(self, whole: Window, by: float) -> "View":
        """Moved by steps, as far as the run goes; the whole stays as it is."""
        return replace(self, window=self.window.moved(by).within(whole)) if self.window else self


WHOLE = View()
