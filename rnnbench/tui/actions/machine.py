"""What can be done on the screen of the machine."""

from rnnbench.tui.actions.kinds import BUILT_IN, FOOTER, MACHINE, act

ACTIONS = (
    act("leave_machine", "escape", "Back", "Back to where you were", MACHINE, FOOTER),
    act("measure_now", "m", "Measure", "Look again now, and count the bytes of the runs", MACHINE, FOOTER),
    act("scroll_machine", "up down", "Scroll", "Up and down", MACHINE, BUILT_IN, FOOTER),
)
