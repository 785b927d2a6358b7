"""Who is asked, what is being done, and with which settings: one line, in which the least important gives way."""

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize

from rnnbench.runs.slashes import SampleRequest, describe
from rnnbench.tui.cells import cell_len, cut
from rnnbench.tui.fitting import GAP, as_many, middle_cut
from rnnbench.tui.panes.paragraph import Paragraph
from rnnbench.visible import visible

_UNSET = (" off", " free")
_MORE = "…"
_LEAST = 5  # cells of a name that still say something
_NAME = 16  # cells of a name that are kept as long as there is anything else to leave out


class SettingsLine(Paragraph):
    """Never cut in the middle of a word: settings that are not set go first, then the last ones, then the name."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._who: tuple[str, ...] = ()
        self._said = ""
        self._settings = SampleRequest("")

    def tell(self, who: Sequence[str], said: str, settings: SampleRequest) -> None:
        """Show this. `who` are names for the same, the longest first; what is said is the most important."""
        self._who, self._said, self._settings = tuple(map(visible, who)), visible(said), settings
        self._fit()

    def on_resize(self, event: Resize) -> None:
        """Other parts have room."""
        self._fit()

    def _fit(self) -> None:
        width = self.content_size.width or 10_000  # before the first layout nothing is left out
        said = f"{cut(self._said, width)}{GAP}" if self._said else ""
        parts = describe(self._settings).split(GAP)
        name = _name(self._who, max(width - cell_len(said + GAP.join(_fewest(parts)) + GAP), _NAME))
        room = width - cell_len(said)
        name = middle_cut(name, room) + GAP if name and room >= _LEAST else ""
        shown = _fitted(parts, width - cell_len(said + name))
        self.show(Content.assemble((name, "bold"), (said, "$text-warning"), (shown, "dim")))


def _name(names: Sequence[str], width: int) -> str:
    """The first that has room; the last one in any case, without its middle."""
    fitting = next((name for name in names if cell_len(name) <= width), "")
    return fitting or (middle_cut(names[-1], width) if names else "")


def _fewest(parts: Sequence[str]) -> list[str]:
    """Those of the settings that are set."""
    return [part for part in parts if not part.endswith(_UNSET)]


def _fitted(parts: Sequence[str], width: int) -> str:
    """As many settings as there is room for; a sign says that there are others."""
    if cell_len(GAP.join(parts)) <= width:
        return GAP.join(parts)
    few = as_many(_fewest(parts), width - len(GAP) - len(_MORE))
    line = GAP.join([*few, _MORE])
    return line if cell_len(line) <= width else ""
