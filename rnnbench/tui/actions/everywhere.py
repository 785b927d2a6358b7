"""What can be done everywhere on the workbench, and on screens beside it."""

from rnnbench.runs.store import FINISHED, PAUSED, RUNNING, TRAINED
from rnnbench.tui.actions.kinds import (
    BROKEN_OFF,
    BUILT_IN,
    COMPARE,
    FOOTER,
    IN_FIELD,
    INSPECT,
    PANES,
    RUNS,
    WORKBENCH,
    act,
)

ACTIONS = (
    act("pause", "p", "Pause", "Ask the run to save and wait", WORKBENCH, RUNS, FOOTER, states=(RUNNING,)),
    act("go_on", "p", "Continue", "Let the paused run go on", WORKBENCH, RUNS, FOOTER, states=(PAUSED,)),
    act("stop", "x", "Stop", "Ask the run to save and stop", WORKBENCH, RUNS, FOOTER, states=TRAINED),
    act("resume", "u", "Resume", "Go on from the last checkpoint", WORKBENCH, RUNS, FOOTER, states=BROKEN_OFF),
    act("train_on", "u", "Train on", "A new run with the weights of this one", WORKBENCH, FOOTER, states=(FINISHED,)),
    act(
        "show_help",
        "question_mark",
        "Help",
        "What this place is for and every key",
        WORKBENCH,
        RUNS,
        INSPECT,
        COMPARE,
        FOOTER,
    ),
    act("change", "v", "Rate", "Change the learning rate or the clipping", WORKBENCH, FOOTER, states=TRAINED),
    act("save", "w", "Save", "Write a checkpoint now", WORKBENCH, FOOTER, states=(RUNNING,)),
    act("sample", "g", "Draw", "Write a sample into the log now", WORKBENCH, FOOTER, states=(RUNNING,)),
    act("start", "s", "Start", "Train the model of the form on the chosen text", WORKBENCH, FOOTER),
    act("quit", "q", "Quit", "Leave; training goes on", WORKBENCH, RUNS, INSPECT, COMPARE, FOOTER, call="app.quit"),
    act("show_runs", "r", "Runs", "Every run of the workspace", WORKBENCH, FOOTER),
    act("inspect", "i", "Inspect", "What is inside the open run: surprisal, units, gates", WORKBENCH, FOOTER),
    act("show_command", "c", "Command", "This form as a command; save it as TOML", WORKBENCH, FOOTER),
    *(
        act(
            f"show_{name}",
            f"{number} f{number}",
            name.capitalize(),
            f"Go to pane {number}",
            WORKBENCH,
            call=f"show_pane('{name}')",
        )
        for number, name in enumerate(PANES, 1)
    ),
    act("next_field", "tab", "Next field", "To the next field; shift+tab goes back", WORKBENCH, BUILT_IN),
    act("leave_field", "escape", "Leave field", "Out of a text field: single keys work again", WORKBENCH, IN_FIELD),
    act(
        "toggle_theme",
        "t",
        "Light/dark",
        "A dark or a light theme",
        WORKBENCH,
        RUNS,
        INSPECT,
        COMPARE,
        call="app.toggle_theme",
    ),
    act(
        "palette", "ctrl+p", "Palette", "Find an action by name", WORKBENCH, RUNS, INSPECT, COMPARE, BUILT_IN, IN_FIELD
    ),
)
