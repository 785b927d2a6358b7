"""A trained model as plain files that need no rnnbench."""
