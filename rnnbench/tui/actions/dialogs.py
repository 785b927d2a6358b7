"""What can be done in dialogs."""

from rnnbench.tui.actions.kinds import (
    BUILT_IN,
    COMMAND,
    CONFIRM,
    FOOTER,
    HELP,
    IN_FIELD,
    SAMPLES,
    SETTINGS,
    TOGETHER,
    act,
)

ACTIONS = (
    act("ask_all", "enter", "Send", "Let every run write on from the text", TOGETHER, BUILT_IN, IN_FIELD, FOOTER),
    act("look_back", "tab", "Scroll", "To an answer, to scroll it", TOGETHER, BUILT_IN, IN_FIELD, FOOTER),
    act("stop_all", "escape", "Stop", "Stop the writing, or go back", TOGETHER, IN_FIELD, FOOTER, call="leave"),
    act("yes", "y", "Yes", "Do it", CONFIRM, FOOTER, call="dismiss(True)"),
    act("no", "n escape q", "No", "Leave it", CONFIRM, FOOTER, call="dismiss(False)"),
    act("save_toml", "enter", "Save", "Save the whole configuration as TOML", COMMAND, BUILT_IN, FOOTER),
    act("close_command", "escape", "Close", "Back", COMMAND, FOOTER, call="dismiss"),
    act("scroll_help", "up down", "Scroll", "Up and down", HELP, SAMPLES, BUILT_IN, FOOTER),
    act("close_help", "escape question_mark q enter", "Close", "Back", HELP, FOOTER, call="dismiss"),
    act("apply", "enter", "Use", "Use these values from the next step on", SETTINGS, BUILT_IN, FOOTER),
    act("next_setting", "tab", "Other field", "To the other value", SETTINGS, BUILT_IN, FOOTER),
    act("close_settings", "escape", "Leave as it is", "Back, changing nothing", SETTINGS, FOOTER, call="dismiss"),
    act("earlier", "left", "Earlier", "The evaluation before", SAMPLES, FOOTER, call="turn(-1)"),
    act("later", "right", "Later", "The evaluation after", SAMPLES, FOOTER, call="turn(1)"),
    act("close_samples", "escape q m", "Close", "Back", SAMPLES, FOOTER, call="dismiss"),
)
