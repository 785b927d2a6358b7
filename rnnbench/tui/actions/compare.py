"""What can be done in the comparison of runs."""

from rnnbench.tui.actions.kinds import BUILT_IN, COMPARE, FOOTER, act

ACTIONS = (
    act(
        "leave", "escape", "Back", "Out of the cross-hair and the zoom; else back to the list of runs", COMPARE, FOOTER
    ),
    act("turn_across", "a", "Across", "The axis below: steps, tokens or time", COMPARE, FOOTER),
    act("turn_up", "y", "Bits", "The axis at the left: perplexity or bits per character", COMPARE, FOOTER),
    act("toggle_scale", "l", "Log", "Switch the curves between a log and a linear scale", COMPARE, FOOTER),
    act("scroll_figures", "up down left right", "Scroll", "The rest of the table", COMPARE, BUILT_IN),
    act("talk", "g", "Prompt", "The same prompt and seed for all of them, side by side", COMPARE, FOOTER),
)
