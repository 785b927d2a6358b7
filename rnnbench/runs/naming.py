"""What a run is called when nobody names it: its text and its cell."""

from pathlib import PurePath, PureWindowsPath

from rnnbench.workspace import TEXT_SUFFIXES

_SUFFIXES = {*TEXT_SUFFIXES, ".text", ".csv", ".md", ".tar", ".tgz", ".tbz2", ".txz"}


def usual_name(corpus: str, cell: str) -> str:
    """`couplets-gru` for texts/couplets.tsv.gz and a GRU: what says only how a text is stored does not name a run."""
    name = PurePath(PureWindowsPath(corpus).name)
    while name.suffix.lower() in _SUFFIXES:
        name = name.with_suffix("")
    return f"{name}-{cell}"
