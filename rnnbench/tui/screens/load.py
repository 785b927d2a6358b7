"""Loading choices into the form: from a TOML file by its path, or from an old run by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content

from rnnbench import config as configuration
from rnnbench.config import RunConfig
from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs.store import Run, RunStore
from rnnbench.tui import actions
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import cell_len, cut, padded
from rnnbench.tui.panes.fields import LineInput
from rnnbench.tui.panes.path_input import PathInput, absolute
from rnnbench.tui.screens.picking import PickScreen, matches
from rnnbench.tui.words import tr
from rnnbench.visible import visible

_SHOWN_CELLS = 24
_MOST_PROBLEMS = 3


@dataclass(frozen=True)
class Loaded:
    """Choices and where they are from: those of a run as a configuration, those of a file as its tables."""

    name: str
    config: RunConfig | None = None
    tables: Mapping[str, Mapping[str, Any]] | None = None


def is_path(text: str) -> bool:
    """Whether what was typed means a file rather than a run."""
    return "/" in text or text.startswith("~") or text.endswith(".toml")


def read_file(text: str) -> Loaded:
    """The choices in a TOML file. Raises UsageError that says which are none."""
    path = absolute(text)
    tables = configuration.read_toml(path)
    found = list(configuration.check(configuration.merge({"corpus": {"file": "?"}}, tables)).values())
    if found:
        more = [tr("and {count} more", count=len(found) - _MOST_PROBLEMS)] if len(found) > _MOST_PROBLEMS else []
        raise UsageError("\n".join([*found[:_MOST_PROBLEMS], *more]))
    return Loaded(path.name, tables=tables)


@dataclass(frozen=True)
class _Row:
    run: Run
    config: RunConfig | None
    problem: str = ""


def _rows(store: RunStore) -> list[_Row]:
    """Every run with its choices, the newest first."""
    return [_row(run) for run in store.newest(1 << 30)]


def _row(run: Run) -> _Row:
    try:
        return _Row(run, run.config())
    except (OSError, RnnbenchError) as error:
        return _Row(run, None, str(error))


class LoadScreen(PickScreen[Loaded]):
    """Asks for a run or a file; closes with the choices."""

    PLACE = actions.LOAD
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.LOAD)

    def __init__(self, store: RunStore) -> None:
        super().__init__()
        self._store = store
        self._rows: list[_Row] = []
        self._shown: list[_Row] = []

    def title_text(self) -> str:
        return tr("Load choices into the form")

    def placeholder(self) -> str:
        return tr("a run's name, or the path of a TOML file")

    def nothing_text(self) -> str:
        return "" if is_path(self.typed) else super().nothing_text()

    def field(self) -> LineInput:
        return PathInput(placeholder=self.placeholder(), id="pick-filter", classes="pick-filter")

    def on_mount(self) -> None:
        super().on_mount()
        in_background(self, partial(_rows, self._store), self._listed, lambda error: self.complain(str(error)))

    def _listed(self, rows: list[_Row]) -> None:
        self._rows = rows
        self.searched(self.typed)

    def searched(self, text: str) -> None:
        self._shown = [] if is_path(text) else [row for row in self._rows if matches(text, *_words(row))]
        names = min(max((cell_len(row.run.name) for row in self._rows), default=0), _SHOWN_CELLS)
        self.show_lines(
            [
                Content.assemble(
                    (padded(cut(visible(row.run.name), names), names), "bold"), ("  " + _about(row), "dim")
                )
                for row in self._shown
            ]
        )

    @on(PathInput.Candidates)
    def _path_is_open(self, event: PathInput.Candidates) -> None:
        event.stop()
        self.tell(Content.styled("  ".join(event.names[:40]), "dim"))

    def picked(self, index: int) -> None:
        if is_path(self.typed):
            in_background(self, partial(read_file, self.typed), self._read, self._not_read)
        elif index < 0:
            self.complain(tr("no run has such a name; the path of a file has a / in it or ends in .toml"))
        elif (config := self._shown[index].config) is None:
            self.complain(self._shown[index].problem)
        else:
            self.dismiss(Loaded(self._shown[index].run.name, config=config))

    def _read(self, loaded: Loaded) -> None:
        self.dismiss(loaded)

    def _not_read(self, error: RnnbenchError) -> None:
        self.complain(str(error))


def _words(row: _Row) -> tuple[str, ...]:
    if row.config is None:
        return (row.run.name,)
    return (row.run.name, row.config.corpus.file, row.config.model.task, row.config.model.cell)


def _about(row: _Row) -> str:
    if row.config is None:
        return visible(row.problem)
    model = row.config.model
    return f"{visible(row.config.corpus.file)}  {model.task}  {model.in_short}"
