"""The full-screen workbench: panes around runs, without a line of mathematics."""
