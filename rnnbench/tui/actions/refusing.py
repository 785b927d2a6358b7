"""What a workbench that may only look does not do."""

from textual.dom import DOMNode

from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.words import tr


def refusal(node: DOMNode) -> str:
    """Why nothing may be started, changed or written here; empty when it may."""
    return tr("this workbench is read-only") if preferences_of(node).read_only else ""
