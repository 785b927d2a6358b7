"""What can be done in one of the four panes."""

from rnnbench.tui.actions.kinds import BUILT_IN, CORPORA, FOOTER, GENERATE, IN_FIELD, MODEL, TRAINING, act

ACTIONS = (
    act("choose_corpus", "enter", "Choose", "Train on the text under the cursor", CORPORA, BUILT_IN, FOOTER),
    act("add_corpus", "a", "Add path", "Add a text from anywhere on the disk", CORPORA, FOOTER),
    act("turn_encoding", "e", "Encoding", "Read texts in the next encoding: UTF-8, GB18030 ...", CORPORA),
    act("turn_errors", "b", "Bad bytes", "Refuse bytes that are not text, or replace them", CORPORA),
    act("open_choice", "enter", "All choices", "Open the list of a choice", MODEL, BUILT_IN, FOOTER),
    act("change_choice", "left right", "Change", "The choice before or after", MODEL, BUILT_IN),
    act("move_field", "up down", "Move", "To the field above or below", MODEL, BUILT_IN),
    act("toggle_log", "l", "Log", "Switch the curve between a log and a linear scale", TRAINING, FOOTER),
    act(
        "show_samples",
        "m",
        "Samples",
        "What the model wrote, evaluation by evaluation",
        TRAINING,
        FOOTER,
        call="screen.show_samples",
    ),
    act("shift_log", "left right", "Sideways", "See the rest of long log lines", TRAINING, BUILT_IN),
    act("scroll_log", "up down", "Scroll", "Leave the end of the log; end follows it again", TRAINING, BUILT_IN),
    act("send", "enter", "Send", "Write on from the text, or obey the /command", GENERATE, BUILT_IN, IN_FIELD, FOOTER),
    act("cancel", "escape", "Cancel", "Stop the writing, or leave the field", GENERATE, IN_FIELD, FOOTER),
    act("history", "up down", "History", "What was entered before", GENERATE, BUILT_IN),
)
