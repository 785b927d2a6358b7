"""The tasks a network can be trained for: what is predicted, how it is scored, what is shown of it."""

from rnnbench.engine.tasks.base import Result, Task, Update
from rnnbench.engine.tasks.making import make_task

__all__ = ["Result", "Task", "Update", "make_task"]
