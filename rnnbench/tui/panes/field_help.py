"""What the form says of its fields and sections. Pure functions."""

from collections.abc import Collection

from rnnbench.tui.form import FIELDS, RUN_NAME, Form, bounds
from rnnbench.tui.words import tr
from rnnbench.visible import visible

PRESET = "preset"


def field_help(form: Form, key: str) -> str:
    """What a field means, the numbers it can be, and, where it differs, what it was filled with."""
    if key == PRESET:
        return tr("A ready-made experiment: sets the whole form")
    if key == RUN_NAME:
        return tr("The folder of the run; empty: the name shown here")
    limits = bounds(key)
    meaning = tr(FIELDS[key].help)
    said = tr("{meaning} ({limits})", meaning=meaning, limits=limits) if limits else meaning
    if key not in form.changed():
        return said
    value = visible(form.base.values[key]) or tr("nothing")
    back = tr("{base}: {value} (backspace takes it back)", base=base_name(form), value=value)
    return f"{said}\n{back}"


def base_name(form: Form) -> str:
    """What the form was filled from."""
    return tr("preset") if form.preset else visible(form.base.name) or tr("default")


def section_title(section: str, keys: Collection[str], changed: Collection[str]) -> str:
    """A folded section: how many fields there are, and how many of them differ."""
    different = sum(key in changed for key in keys)
    if not different:
        return tr("more of {section}: {count}", section=section, count=len(keys))
    return tr("more of {section}: {count}, {changed} changed", section=section, count=len(keys), changed=different)
