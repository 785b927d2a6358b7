"""What can be done in the dialogs that list things to pick one of."""

from rnnbench.tui.actions.kinds import BUILT_IN, CATALOGUE, FIELDS, FILES, FOOTER, IN_FIELD, LOAD, act

_LISTS = (CATALOGUE, FILES, LOAD, FIELDS)

ACTIONS = (
    act(
        "fetch",
        "enter",
        "Get",
        "Fetch the text, or go on with it; one that is here is shown",
        CATALOGUE,
        BUILT_IN,
        IN_FIELD,
        FOOTER,
    ),
    act("leave_catalogue", "escape", "Cancel", "Cancel what is on its way, or close", CATALOGUE, IN_FIELD, FOOTER),
    act("open_file", "enter", "Open", "Open the folder, or take the file", FILES, BUILT_IN, IN_FIELD, FOOTER),
    act(
        "folder_above", "backspace", "Up", "With nothing typed: to the folder above", FILES, BUILT_IN, IN_FIELD, FOOTER
    ),
    act("load", "enter", "Load", "Fill the form from it", LOAD, BUILT_IN, IN_FIELD, FOOTER),
    act("complete_path", "tab", "Complete", "Write the path on", LOAD, BUILT_IN, IN_FIELD, FOOTER),
    act("go_to_field", "enter", "Go", "To the field", FIELDS, BUILT_IN, IN_FIELD, FOOTER),
    act("pick_before", "up", "Before", "The line above", *_LISTS, IN_FIELD, call="move(-1)"),
    act("pick_after", "down", "After", "The line below", *_LISTS, IN_FIELD, call="move(1)"),
    act("page_before", "pageup", "Page up", "Ten lines up", *_LISTS, IN_FIELD, call="move(-10)"),
    act("page_after", "pagedown", "Page down", "Ten lines down", *_LISTS, IN_FIELD, call="move(10)"),
    act(
        "leave_list", "escape", "Close", "Back, picking nothing", FILES, LOAD, FIELDS, IN_FIELD, FOOTER, call="dismiss"
    ),
)
