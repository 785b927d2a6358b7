"""What can be done to the selected run of a list."""

import os
from functools import partial
from pathlib import Path

from textual.timer import Timer

from rnnbench.errors import RnnbenchError, UsageError
from rnnbench.runs import exporting, notes, wishes
from rnnbench.runs.exporting import Exported
from rnnbench.runs.jobs import Job
from rnnbench.runs.notes import Notes
from rnnbench.runs.store import FINISHED, PAUSED, RUNNING, TRAINED, Run, RunStore, check_name
from rnnbench.runs.wishes import Wish
from rnnbench.tui.background import in_background
from rnnbench.tui.cells import size_text
from rnnbench.tui.run_rows import RunRow
from rnnbench.tui.screens.base import PlaceScreen
from rnnbench.tui.screens.control import RunControl
from rnnbench.tui.screens.entry import EntryScreen
from rnnbench.tui.screens.export import ExportScreen, Target
from rnnbench.tui.screens.looking import look_into
from rnnbench.tui.terms import told_of
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace


class RunActionsScreen(PlaceScreen):
    """A screen with a run selected in a list."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._store = RunStore(workspace)
        self._control = RunControl(self, workspace)
        self._exporting = self._export_said = ""
        self._export_seconds = 0
        self._export_clock: Timer | None = None

    def selected_row(self) -> RunRow | None:
        """The run under the cursor."""
        raise NotImplementedError

    def read_again(self) -> None:
        """Something was done: look at the disk at once."""
        raise NotImplementedError

    def renamed(self, old: str, new: str) -> None:
        """A run has another name."""
        raise NotImplementedError

    def select(self, name: str) -> None:
        """Put the cursor on a run as soon as it is listed."""
        raise NotImplementedError

    @property
    def run_state(self) -> str:
        row = self.selected_row()
        return row.state if row is not None else ""

    def selected(self) -> Run | None:
        """The run under the cursor; says so when there is none."""
        row = self.selected_row()
        if row is None:
            self.nothing(tr("no run is selected"))
            return None
        return self._store.run(row.name)

    def action_stop(self) -> None:
        """Stop the selected run."""
        if run := self.selected():
            self._control.stop(run)

    def action_attach(self) -> None:
        """Watch the selected run train."""
        if self.run_state != RUNNING:
            self.action_resume()
        elif row := self.selected_row():
            self.dismiss(row.name)

    def action_resume(self) -> None:
        """Go on with the selected run."""
        run = self.selected()
        if run is None:
            return
        if self.run_state == FINISHED:
            self.nothing(
                tr("{name} has finished: open it (enter) and press {key[train_on]} to train on", name=run.name)
            )
        elif self.run_state == PAUSED:
            self.action_go_on()
        else:
            self._control.resume_or_restart(run, self._resumed)

    def _resumed(self, job: Job) -> None:
        self.say(tr("{name} is coming up", name=job.run.name))
        self.read_again()

    def action_pause(self) -> None:
        """Let the selected run save and wait."""
        self._wish(wishes.PAUSE)

    def action_go_on(self) -> None:
        """Let the selected run go on after a pause."""
        self._wish(wishes.CONTINUE)

    def _wish(self, wish: Wish) -> None:
        if (run := self.selected()) is None:
            return
        reason = wishes.refusal(wish, self.run_state) if self.run_state in TRAINED else "is not training"
        if reason:
            self.nothing(told_of(run.name, reason))
        else:
            self._control.wish(run, wish)

    def action_delete(self) -> None:
        """Move the selected run to the trash."""
        if run := self.selected():
            self._control.delete(run, self.read_again)

    def action_undelete(self) -> None:
        """Bring back the run that was deleted last."""
        self._control.undelete(self._brought_back)

    def _brought_back(self, name: str) -> None:
        self.select(name)
        self.read_again()

    def action_inspect_run(self) -> None:
        """Look into the model of the selected run."""
        if run := self.selected():
            look_into(self, self._store.workspace, run)

    # Names, tags and notes

    def action_rename_run(self) -> None:
        """Ask for another name."""
        if (run := self.selected()) is None:
            return
        if self.run_state in TRAINED:
            self.nothing(tr("{name} is training: stop it first", name=run.name))
            return
        note = tr("1 to 64 letters, digits, '.', '_' or '-'")
        dialog = EntryScreen(tr("Rename {name}", name=run.name), run.name, note, partial(self._name_problem, run.name))
        self.app.push_screen(dialog, partial(self._rename, run.name))

    def _name_problem(self, old: str, new: str) -> str:
        try:
            check_name(new)
        except UsageError as error:
            return str(error)
        taken = new != old and os.path.lexists(self._store.folder / new)
        return tr("{name} is taken", name=new) if taken else ""

    def _rename(self, old: str, new: str | None) -> None:
        if new and new != old:
            self._control.change(lambda: self._store.rename(old, new), lambda _: self._rename_done(old, new))

    def _rename_done(self, old: str, new: str) -> None:
        self.say(tr("renamed {old} to {new}", old=old, new=new))
        self.renamed(old, new)
        self.read_again()

    def action_tag_run(self) -> None:
        """Ask for the tags."""
        if (run := self.selected()) and (row := self.selected_row()):
            known = " ".join(self.known_tags())
            note = tr("Words with blanks between them.") + (" " + tr("In use: {tags}", tags=known) if known else "")
            title = tr("Tags of {name}", name=run.name)
            dialog = EntryScreen(title, " ".join(row.tags), note, _tags_problem)
            self.app.push_screen(dialog, partial(self._tag, run, row.tags))

    def known_tags(self) -> list[str]:
        """The tags that runs of the list have."""
        raise NotImplementedError

    def _tag(self, run: Run, before: tuple[str, ...], text: str | None) -> None:
        if text is not None:
            now = {word.removeprefix("#") for word in text.split()}
            work = partial(notes.tag, run.folder, now - set(before), set(before) - now)
            self._control.change(work, partial(self._tagged, run))

    def action_note_run(self) -> None:
        """Ask for the note."""
        if (run := self.selected()) and (row := self.selected_row()):
            dialog = EntryScreen(
                tr("Note on {name}", name=run.name), row.note, tr("An empty note is no note."), _note_problem
            )
            self.app.push_screen(dialog, partial(self._note, run))

    def _note(self, run: Run, text: str | None) -> None:
        if text is not None:
            self._control.change(partial(notes.note, run.folder, text), partial(self._noted, run))

    def _tagged(self, run: Run, found: Notes) -> None:
        tags = " ".join(f"#{tag}" for tag in found.tags)
        self.say(
            tr("tagged {name}: {tags}", name=run.name, tags=tags) if tags else tr("{name} has no tags", name=run.name)
        )
        self.read_again()

    def _noted(self, run: Run, found: Notes) -> None:
        self.say(tr("noted on {name}", name=run.name))
        self.read_again()

    # Export

    def action_export_run(self) -> None:
        """Ask where to, and export in the background."""
        if self._exporting:
            self.nothing(tr("{name} is still being exported", name=self._exporting))
        elif run := self.selected():
            folder = _free_folder(self._store.workspace.root / "exports" / run.name)
            self.app.push_screen(ExportScreen(run.name, folder), partial(self._export, run))

    def _export(self, run: Run, target: Target | None) -> None:
        if target is None:
            return
        self._exporting, self._export_seconds = run.name, 0
        self._export_said = self.status.message  # whatever that is, it makes room
        self._tell_export()
        self._export_clock = self.set_interval(1.0, self._tell_export)
        workspace = self._store.workspace
        work = partial(exporting.export, workspace, run.name, target.folder, target.form)
        # The application hears of it: this screen may have been left by then.
        in_background(self.app, work, partial(self._exported, target.folder), self._export_failed)

    def _tell_export(self) -> None:
        """For how long it has been going on, where nothing else is being said."""
        if self.status.message in ("", self._export_said):
            self.say(tr("exporting {name} ... {seconds} s", name=self._exporting, seconds=self._export_seconds))
            self._export_said = self.status.message
        self._export_seconds += 1

    def _exported(self, folder: Path, done: Exported) -> None:
        self._export_over()
        said = tr(
            "wrote {files} to {folder}: {size}, weights of step {step}",
            files=", ".join(done.files), folder=folder, size=size_text(done.bytes), step=f"{done.step:,}",
        )  # fmt: skip
        if self._is_here():
            self.say(said)
        if not (self._is_here() and self.status.has_room_for(said)):
            self.app.notify(visible(said), markup=False)

    def _export_failed(self, error: RnnbenchError) -> None:
        self._export_over()
        if self._is_here():
            self.fail(error)
        else:
            self.app.notify(visible(str(error)), severity="error", markup=False)

    def _export_over(self) -> None:
        self._exporting = ""
        if self._export_clock is not None:
            self._export_clock.stop()

    def _is_here(self) -> bool:
        """Whether the screen was not left meanwhile."""
        return self in self.app.screen_stack


def _tags_problem(text: str) -> str:
    try:
        Notes().tagged(word.removeprefix("#") for word in text.split())
    except UsageError as error:
        return str(error)
    return ""


def _note_problem(text: str) -> str:
    try:
        Notes().noted(text)
    except UsageError as error:
        return str(error)
    return ""


def _free_folder(folder: Path) -> Path:
    """The folder, or the same with a number: the first that is not there."""
    number, free = 1, folder
    while os.path.lexists(free):
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free
