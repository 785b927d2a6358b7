"""What can be done inside a model."""

from rnnbench.tui.actions.kinds import BUILT_IN, FOOTER, IN_FIELD, INSPECT, act

ACTIONS = (
    act(
        "look",
        "enter",
        "Read",
        "Read the text; on a unit: colour the text by it",
        INSPECT,
        BUILT_IN,
        IN_FIELD,
        FOOTER,
    ),
    act(
        "leave_inspect",
        "escape",
        "Back",
        "Stop what runs, or leave the field, or the screen",
        INSPECT,
        FOOTER,
        call="leave",
    ),
    act("move_token", "left right up down", "Move", "The token whose figures are shown", INSPECT, BUILT_IN),
    act("view_text", "1", "Surprisal", "The text, coloured by surprisal", INSPECT, FOOTER, call="view('text')"),
    act("view_units", "2", "Units", "Hidden units that follow something", INSPECT, FOOTER, call="view('units')"),
    act("view_gates", "3", "Gates", "How open the gates are", INSPECT, FOOTER, call="view('gates')"),
    act("next_unit", "n", "Next unit", "Colour the text by the next unit", INSPECT, FOOTER, call="turn_unit(1)"),
    act("unit_before", "b", "Unit before", "Colour the text by the unit before", INSPECT, call="turn_unit(-1)"),
    act("edit_text", "e", "Text", "To the text field", INSPECT, FOOTER),
    act("edit_file", "f", "File", "To the file field", INSPECT, FOOTER),
)
