"""What can be done in the list of runs."""

from rnnbench.runs.store import FINISHED
from rnnbench.tui.actions.kinds import BROKEN_OFF, BUILT_IN, FOOTER, RUNS, act

ACTIONS = (
    act("open", "enter", "Open", "Open the run on the workbench", RUNS, BUILT_IN, FOOTER),
    act("close", "escape", "Back", "Back to the workbench", RUNS, FOOTER),
    act("delete", "d", "Delete", "Delete the run, after asking", RUNS, FOOTER, states=(FINISHED, *BROKEN_OFF)),
    act("mark", "space", "Mark", "Mark the run to be compared, or take the mark away", RUNS, FOOTER),
    act("compare", "c", "Compare", "The marked runs: curves, figures, differing settings", RUNS, FOOTER),
)
