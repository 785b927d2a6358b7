"""A run as a folder, without torch."""
