"""What can be done inside a model."""

from rnnbench.tui.actions.kinds import BUILT_IN, FOOTER, IN_FIELD, INSPECT, act

ACTIONS = (
    act(
        "leave_inspect",
        "escape",
        "Back",
        "Stop what is being computed; or from a field to the text; or back",
        INSPECT,
        IN_FIELD,
        FOOTER,
        call="leave",
    ),
    act("view_text", "1", "Surprisal", "The text, coloured by surprisal", INSPECT, FOOTER, call="view('text')"),
    act("view_units", "2", "Units", "Hidden units that follow something", INSPECT, FOOTER, call="view('units')"),
    act("view_gates", "3", "Gates", "How open the gates are", INSPECT, FOOTER, call="view('gates')"),
    act("edit_text", "e", "Text", "Type or paste a text", INSPECT, FOOTER),
    act("edit_file", "f", "File", "Name a file to be read", INSPECT, FOOTER),
    act("take_excerpt", "v", "Excerpt", "Read the next excerpt of the validation text", INSPECT, FOOTER),
    act("next_unit", "n", "Next unit", "Colour the text by the next unit", INSPECT, FOOTER, call="turn_unit(1)"),
    act("unit_before", "b", "Unit before", "Colour the text by the unit before", INSPECT, call="turn_unit(-1)"),
    act(
        "look",
        "enter",
        "Read",
        "Read the text of the field; on a unit: colour the text by it",
        INSPECT,
        BUILT_IN,
        IN_FIELD,
        FOOTER,
    ),
    act("move_token", "left right up down", "Move", "The token whose figures are shown", INSPECT, BUILT_IN),
)
