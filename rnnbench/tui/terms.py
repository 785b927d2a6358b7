"""Words that come from below the interface, marked so that they are shown in the user's language.

`tr(state)` finds them where they are drawn; everywhere else, and in every log, they are the English words that they
are compared by.
"""

from rnnbench.tui.words import later, tr

STATES = (
    *(later("running"), later("paused"), later("finished"), later("stopped"), later("failed"), later("crashed")),
    *(later("starting"), later("reading"), later("waiting"), later("held"), later("name taken"), later("unreadable")),
)
"""Of runs, and of what waits in the queue."""
PLACES = (
    *(later("Corpora"), later("Model"), later("Training"), later("Generate")),
    *(later("Runs"), later("Compare"), later("Inspect"), later("Machine"), later("Queue")),
)
"""Panes and screens by their names, as `place_title` gives them."""
FIGURES = (
    *(later("perplexity"), later("pseudo-perplexity"), later("perplexity per target token"), later("bits/character")),
    *(later("train"), later("validation"), later("test"), later("uniform"), later("unigram"), later("5-gram")),
)
"""Of runs.figures and of the counted baselines."""
BESIDE_LOSS = (
    *(later("accuracy at 1"), later("accuracy at 5"), later("exact match"), later("length match")),
    later("position repeat"),
)
"""Figures of runs.figures.figure_text that have a name in words."""
PHASES = (
    *(later("reading the text"), later("checking the text"), later("verifying ids")),
    *(later("cutting lines into tokens"), later("counting n-grams")),
)
"""What is done before the first step."""
GATES = (later("input"), later("forget"), later("output"), later("reset"), later("update"))
UNITS = (later("characters"), later("tokens"))
PROPERTIES = (
    *(later("inside quotes"), later("between double quotation marks")),
    *(later("bracket depth"), later("how many brackets are open")),
    *(later("speaker's name"), later("in a line after a blank one that ends in a colon and has no other punctuation")),
    *(later("position in line"), later("characters since the line began")),
    *(later("after newline"), later("the last character was a line end")),
    *(later("distance to blank"), later("characters since the last white space")),
    *(later("digit"), later("the last character was a digit")),
    *(later("capital letter"), later("the last character was a capital letter")),
    *(later("inside a word"), later("the last character was a letter or a digit")),
    *(later("pattern"), later("inside a match of the pattern")),
)
"""What a hidden unit may follow, and what each means, from text.properties."""
ASKED = (
    *(later("continues a text"), later("fills blanks written as _"), later("answers a line")),
    *(
        later("text to write on from"),
        later("text with a blank _ for each missing token"),
        later("a line to be answered"),
    ),
)
"""What a model of each task does with a prompt, and what is asked for in its empty field."""
_OF_RUNS = (
    *(later("{name} is paused already"), later("{name} is not paused, it trains"), later("{name} is not training")),
    later("{name} is paused, and was saved when it paused"),
    later("{name} is paused, and writes samples when it goes on; its last checkpoint can be asked meanwhile"),
)


def place_title(place: str) -> str:
    """The name of a pane or a screen as it is shown."""
    return tr(place.capitalize())


def measured(text: str) -> str:
    """A text of runs.figures.figure_text, such as accuracy at 1 61.2%, with its name in the user's language."""
    name = next((name for name in BESIDE_LOSS if text.startswith(f"{name} ")), "")
    return tr(name) + text[len(name) :] if name else text


def told_of(name: str, does: str) -> str:
    """A sentence of a run, `does` being one of runs.wishes.refusal, such as: is paused already."""
    return tr(f"{{name}} {does}", name=name)
