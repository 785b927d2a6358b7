"""What can be done in the list of runs, and in the dialogs that belong to it."""

from rnnbench.runs.store import FINISHED, RUNNING
from rnnbench.tui.actions.kinds import BROKEN_OFF, BUILT_IN, ENTRY, EXPORT, FOOTER, IN_FIELD, RUNS, WRITES, act

_OVER = (FINISHED, *BROKEN_OFF)

ACTIONS = (
    act("open", "enter", "Open", "Open the run on the workbench", RUNS, BUILT_IN, FOOTER),
    act("close", "escape", "Back", "Show every run again; else back to the workbench", RUNS, FOOTER),
    act("find_runs", "slash", "Filter", "Only runs with these words: #tag, !without", RUNS, FOOTER),
    act("sort_runs", "o", "Sort", "By the next column: name, state, perplexity, bits, age, step", RUNS, FOOTER),
    act("attach", "u", "Watch", "Open the run on the workbench and watch it train", RUNS, states=(RUNNING,)),
    act("delete", "d", "Delete", "Move the run to the trash, after asking", RUNS, FOOTER, WRITES, states=_OVER),
    act("undelete", "z", "Undo", "Bring back the run that was deleted last", RUNS, WRITES),
    act("mark", "space", "Mark", "Mark the run to be compared, or take the mark away", RUNS, FOOTER),
    act("compare", "c", "Compare", "The marked runs: curves, figures, differing settings", RUNS, FOOTER),
    act("reverse_runs", "O", "Reverse", "The same column, the other way round", RUNS),
    act("tag_run", "l", "Label", "Change the tags of the run", RUNS, WRITES),
    act("note_run", "n", "Note", "Write a note about the run", RUNS, WRITES),
    act("rename_run", "R", "Rename", "Give the run another name", RUNS, WRITES, states=_OVER),
    act("export_run", "e", "Export", "Write the model as files that need no rnnbench", RUNS, WRITES),
    act("inspect_run", "i", "Inspect", "What is inside the run: surprisal, units, gates", RUNS),
    act("move_run", "up down pageup pagedown home end", "Move", "To another run", RUNS, BUILT_IN),
    act("shift_runs", "left right", "Sideways", "The columns that do not fit", RUNS, BUILT_IN),
    act("take_entry", "enter", "Use", "Use what is in the field", ENTRY, BUILT_IN, IN_FIELD, FOOTER, WRITES),
    act("leave_entry", "escape", "Leave as it is", "Back, changing nothing", ENTRY, IN_FIELD, FOOTER, call="dismiss"),
    act("start_export", "enter", "Export", "Write the files", EXPORT, BUILT_IN, IN_FIELD, FOOTER, WRITES),
    act("next_of_export", "tab", "Other field", "To the other field", EXPORT, BUILT_IN, IN_FIELD, FOOTER),
    act("turn_format", "left right", "Format", "The format before or after", EXPORT, BUILT_IN, FOOTER),
    act("leave_export", "escape", "Back", "Back, writing nothing", EXPORT, IN_FIELD, FOOTER, call="dismiss"),
)
