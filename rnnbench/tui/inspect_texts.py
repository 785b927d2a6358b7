"""Where a text to look at comes from: a file, or the text that a run is validated on."""

from pathlib import Path

from rnnbench.config import RunConfig
from rnnbench.errors import CorpusError
from rnnbench.text import sources
from rnnbench.text.sources import Source
from rnnbench.visible import LINE_END, visible
from rnnbench.workspace import Workspace, from_home

OPENING = 600  # characters: an excerpt, and what is offered when there is no sample
COLOURED = 5_000  # characters: some screens full; each token comes with its alternatives
SEARCHED = 200_000  # characters: some seconds of a small model
_LARGEST = 100_000_000  # bytes: what is read to find where the validation text begins


def beginning(path: Path, characters: int) -> str:
    """The first characters of a file. Raises CorpusError when it is no text."""
    if "\0" in str(path):
        raise CorpusError(f"no file can have this name: {visible(str(path))}")
    return sources.preview(from_home(path), characters)


def validation_text(workspace: Workspace, config: RunConfig, characters: int) -> str:
    """The first characters of the text that a run is validated on. Raises CorpusError when its corpus has gone.

    The parts are measured in characters, so they are those of the run where a token is a character, and about those
    elsewhere. Of a very large corpus it is the opening.
    """
    path = workspace.find_corpus(config.corpus.file)
    source = Source.of(path, config.corpus)
    if source.size > _LARGEST:
        return sources.preview(path, characters, config.corpus)
    text = "".join(source.chunks())
    corpus = config.corpus
    validated, tested = int(len(text) * corpus.validation_fraction), int(len(text) * corpus.test_fraction)
    trained = len(text) - validated - tested
    if corpus.train_tokens is not None:
        trained = min(trained, corpus.train_tokens)
    return text[trained : trained + min(validated, characters)]


def searched(workspace: Workspace, config: RunConfig, path: str) -> str:
    """What units are sought in: the file that was named, else the text that a run is validated on."""
    return beginning(Path(path), SEARCHED) if path else validation_text(workspace, config, SEARCHED)


def excerpt(workspace: Workspace, config: RunConfig, number: int) -> str:
    """A part of the text that a run is validated on, counted from 0; after the last one the first comes again."""
    text = validation_text(workspace, config, OPENING * (number + 1))
    start = number % max(-(-len(text) // OPENING), 1) * OPENING
    return text[start : start + OPENING]


def on_one_line(text: str) -> str:
    """A text as a one-line field can hold it: line ends as arrows, nothing that drives a terminal."""
    return visible(text.replace("\n", LINE_END))


def from_one_line(line: str) -> str:
    """What was typed into such a field, with its line ends."""
    return line.replace(LINE_END, "\n")
