"""The lines of a list, when they become others."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option


def exchange(options: OptionList, lines: Sequence[Content]) -> None:
    """Show these lines, the cursor in the row where it was, and nobody told that it moved.

    As many lines as there were are written over: a list that is emptied and filled again has the whole screen laid
    out twice.
    """
    if len(lines) != options.option_count:
        highlighted = options.highlighted
        with options.prevent(OptionList.OptionHighlighted):
            options.clear_options()
            options.add_options([Option(line) for line in lines])
            options.highlighted = highlighted
        return
    for index, line in enumerate(lines):
        before = options.get_option_at_index(index).prompt
        if not (isinstance(before, Content) and line.is_same(before)):
            options.replace_option_prompt_at_index(index, line)
