"""How a view that draws its own rows tells Textual how many there are."""

from textual.geometry import Size
from textual.scroll_view import ScrollView


def fit(view: ScrollView, size: Size) -> None:
    """Have a view scroll over rows of this size, in cells.

    Textual lays the whole screen out, and paints every scroll bar on it, for each new size. Only a scroll bar that
    comes or goes asks for that; where one stays, it alone has to know.
    """
    room = view.scrollable_content_region.height
    needed = size.height > room
    view.scroll_target_y = min(view.scroll_target_y, max(size.height - room, 0))  # the next key scrolls from there
    if needed != view.show_vertical_scrollbar:
        view.virtual_size = size
        return
    view.set_reactive(ScrollView.virtual_size, size)
    view.scroll_y = min(view.scroll_y, view.max_scroll_y)
    if needed:
        view.vertical_scrollbar.window_virtual_size = size.height
