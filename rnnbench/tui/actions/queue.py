"""What can be done in the queue, and where a run could go into it."""

from rnnbench.tui.actions.kinds import BESIDE, BUILT_IN, FOOTER, QUEUE, WRITES, act

ACTIONS = (
    act("queue_form", "a", "Add", "Put what the form says at the end", QUEUE, FOOTER, WRITES),
    act("unqueue", "d", "Remove", "Take the entry out, after asking", QUEUE, FOOTER, WRITES),
    act("queue_up", "u", "Up", "One place nearer the front", QUEUE, FOOTER, WRITES, call="move_entry(-1)"),
    act("queue_down", "n", "Down", "One place further back", QUEUE, FOOTER, WRITES, call="move_entry(1)"),
    act("hold_queue", "h", "Hold/go on", "Start nothing more for now, or go on", QUEUE, FOOTER, WRITES),
    act("open_entry", "enter", "Open", "Open the run that is trained on the workbench", QUEUE, BUILT_IN, FOOTER),
    act("leave_queue", "escape", "Back", "Back to where you were", QUEUE, FOOTER),
    act("move_in_queue", "up down pageup pagedown home end", "Move", "To another entry", QUEUE, BUILT_IN),
    act("start_beside", "y", "Beside it", "Train both at once", BESIDE, FOOTER, WRITES, call="dismiss('start')"),
    act("queue_behind", "k", "Queue it", "Train it after that", BESIDE, FOOTER, WRITES, call="dismiss('queue')"),
    act("start_nothing", "n escape q", "No", "Start nothing", BESIDE, FOOTER, call="dismiss('')"),
)
