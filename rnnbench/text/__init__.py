"""Text: from a file to numbered tokens."""
