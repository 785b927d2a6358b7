"""What the form says of its fields and sections. Pure functions."""

from collections.abc import Collection

from rnnbench.tui.form import FIELDS, RUN_NAME, Form, FormState, bounds, choices
from rnnbench.tui.words import later, tr
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
    if choices(key):
        said_back = later("{base}: {value} ({key[reset_field]} takes it back)")
    else:
        said_back = later("{base}: {value} ({key[reset_field]} in the empty field takes it back)")
    back = tr(said_back, base=base_name(form), value=value)
    return f"{said}\n{back}"


def taken_back(form: Form, before: FormState) -> str:
    """What undoing has done to the form, which was as in `before`."""
    keys = [key for key in FIELDS if form.texts.get(key) != before.texts.get(key)]
    if before.base.name != form.base.name or before.preset != form.preset:
        return tr("the form is filled from {name} again", name=base_name(form))
    if len(keys) == 1:
        return tr("{field} is {value} again", field=keys[0].partition(".")[2], value=form.shown(keys[0]) or '""')
    if not keys:
        return tr("the run is called {name} again", name=form.name())
    return tr("{count} fields are as before: {fields}", count=len(keys), fields=", ".join(keys))


def base_name(form: Form) -> str:
    """What the form was filled from."""
    return tr("preset") if form.preset else visible(form.base.name) or tr("default")


def section_title(section: str, keys: Collection[str], changed: Collection[str]) -> str:
    """A folded section: how many fields there are, and how many of them differ."""
    different = sum(key in changed for key in keys)
    if not different:
        return tr("more of {section}: {count}", section=section, count=len(keys))
    return tr("more of {section}: {count}, {changed} changed", section=section, count=len(keys), changed=different)
