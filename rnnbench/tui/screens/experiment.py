"""What a new experiment is made of: getting and finding a text, loading choices into the form."""

from pathlib import Path
from typing import TYPE_CHECKING

from textual import on

from rnnbench.runs.store import RunStore
from rnnbench.tui.form import CORPUS, FIELDS, RUN_NAME
from rnnbench.tui.panes.corpora import CorporaPane
from rnnbench.tui.panes.field_help import PRESET, field_help
from rnnbench.tui.panes.model import ModelPane
from rnnbench.tui.panes.pane import Said
from rnnbench.tui.screens.confirm import ConfirmScreen
from rnnbench.tui.screens.steering import SteeringScreen
from rnnbench.tui.words import tr

if TYPE_CHECKING:  # the dialogs are not needed for the first screen
    from rnnbench.tui.screens.catalogue import Fetched
    from rnnbench.tui.screens.load import Loaded


class ExperimentScreen(SteeringScreen):
    """A screen with the panes of the texts and of the form."""

    _folder: Path | None = None

    @property
    def _corpora(self) -> CorporaPane:
        return self.query_one(CorporaPane)

    @property
    def _model(self) -> ModelPane:
        return self.query_one(ModelPane)

    @on(Said)
    def _pane_said(self, event: Said) -> None:
        event.stop()
        (self.nothing if event.error else self.say)(event.text)
        self.notify_if_cut(event.text, error=event.error)

    # Texts

    def action_get_corpus(self) -> None:
        """The catalogue; comes back with a text that was fetched."""
        from rnnbench.tui.screens.catalogue import CatalogueScreen

        self.app.push_screen(CatalogueScreen(self._workspace), self._got)

    def _got(self, fetched: "Fetched | None") -> None:
        if fetched is None:
            return
        self._corpora.enter()
        self._corpora.point_at(fetched.path)
        if fetched.verified:
            self.say(tr("{name} is here: enter chooses it", name=fetched.name))
        else:
            digest = fetched.digest
            self.say(tr("{name} is here; nobody has vouched for it: sha256 {digest}", name=fetched.name, digest=digest))

    def action_find_file(self) -> None:
        """Walk the folders; comes back with a file, which is listed and chosen."""
        from rnnbench.tui.screens.files import FilesScreen

        self.app.push_screen(FilesScreen(self._folder or self._workspace.root), self._file_found)

    def _file_found(self, path: Path | None) -> None:
        if path is not None:
            self._folder = path.parent
            self._corpora.enter()
            self._corpora.add(path, self.nothing)

    # Choices

    def action_load_form(self) -> None:
        """A run or a file to fill the form from."""
        from rnnbench.tui.screens.load import LoadScreen

        self.app.push_screen(LoadScreen(RunStore(self._workspace)), self._loaded)

    def _loaded(self, loaded: "Loaded | None") -> None:
        if loaded is None:
            return
        if loaded.config is not None:
            self._model.fill(loaded.config, loaded.name)
        elif loaded.tables is not None:
            self._model.fill_from_file(loaded.tables, loaded.name)
        self._model.enter()
        self.say(tr("the form is filled from {name}", name=loaded.name))

    def action_find_field(self) -> None:
        """Every field of the form; comes back with the one to go to."""
        from rnnbench.tui.screens.find_field import FieldLine, FindFieldScreen

        form = self._model.form
        values, changed = form.values(), form.changed()
        named = {PRESET: form.preset, RUN_NAME: form.name()}
        lines = [FieldLine(key, value, field_help(form, key), False) for key, value in named.items()]
        lines += [
            FieldLine(key, values[key], field.help, key in changed) for key, field in FIELDS.items() if key != CORPUS
        ]
        self.app.push_screen(FindFieldScreen(lines), lambda key: self._model.go_to(key) if key else None)

    def action_reset_form(self) -> None:
        """Every field back to what the form was filled from, after asking."""
        changed = self._model.form.changed()
        if not changed:
            self.nothing(tr("nothing differs"))
            return
        many = tr("Take {count} changes back?", count=len(changed))
        question = tr("Take the change back?") if len(changed) == 1 else many
        names = ", ".join(key.partition(".")[2] for key in changed)
        self.app.push_screen(ConfirmScreen(question, names), lambda yes: self._model.reset_all() if yes else None)
