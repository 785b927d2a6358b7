"""rnnbench: a terminal workbench for small recurrent language models."""

__version__ = "0.1.0"
