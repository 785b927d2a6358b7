"""What training asks of a task; the recipe in trainer.py knows nothing else of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from torch import Tensor

from rnnbench.engine.models import Network
from rnnbench.engine.small_steps import StepsTaken
from rnnbench.metrics import Score
from rnnbench.text.descriptions import MemberFacts
from rnnbench.text.vocabulary import Vocabulary

Check = Callable[[], None]
"""Called now and then during long work; may raise to end it."""


class Text(Protocol):
    """What a run must know of the text it is trained on, whatever the task makes of it."""

    @property
    def digest(self) -> str:
        """Names the text and everything that was done to it."""
        ...

    @property
    def file_digest(self) -> str:
        """SHA-256 of the unpacked bytes."""
        ...

    @property
    def ids_digest(self) -> str:
        """SHA-256 of the numbered tokens."""
        ...

    @property
    def tokens_digest(self) -> str:
        """Names the tokens that are scored: losses are of the same tokens where this is the same."""
        ...

    @property
    def characters(self) -> int:
        """Characters the tokenizer was given."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens of all splits."""
        ...

    @property
    def members(self) -> tuple[MemberFacts, ...]:
        """How each file of the text was read."""
        ...

    @property
    def switches(self) -> tuple[str, ...]:
        """The normalisations that changed the text."""
        ...

    @property
    def replaced(self) -> int:
        """Characters that stand for bytes which were not text."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens that are predicted."""
        ...

    @property
    def source_vocabulary(self) -> Vocabulary | None:
        """The tokens that are only read, where they are others than those predicted."""
        ...


@dataclass(frozen=True)
class Update:
    """What one batch gave: mean loss in nats () with its graph, the state after it, the tokens the mean covers.

    Of N small steps, which are past already: the loss of each (N,), the state after the last, the tokens of all.
    """

    loss: Tensor
    state: Tensor
    tokens: int


@dataclass(frozen=True)
class Result:
    """A scored split: its loss, and named secondary figures such as an accuracy, each between 0 and 1 or as named.

    The name is that of the data that was scored, not of what somebody meant to score.
    """

    split: str
    score: Score
    figures: Mapping[str, float] = field(default_factory=dict)


def of_all(result: Result, tokens: int) -> Result:
    """The score of a part, said to be one of so many tokens: its coverage follows."""
    return replace(result, score=replace(result.score, tokens_total=tokens))


class Task(ABC):
    """A network together with the text it is trained on."""

    network: Network
    steps_per_epoch: int
    tokens_per_step: int
    """Training tokens in one update; a mean where batches differ."""
    takes_small_steps = False
    """Whether batches and network are so small that `small_steps` takes the place of `loss` and optimizer."""

    @abstractmethod
    def initial_state(self) -> Tensor:
        """What is carried from batch to batch, before the first; of no elements where nothing is."""

    @abstractmethod
    def loss(self, step: int, state: Tensor) -> Update:
        """The loss on the batch of a step, counted from 0: a pure function of seed, step and carried state."""

    def small_steps(self, step: int, most: int, state: Tensor, rate: float) -> StepsTaken:
        """Loss and plain descent of several steps at one go, `step` the first; only where `takes_small_steps`."""
        raise NotImplementedError

    def rate_share(self, step: int) -> float:
        """What the batch of a step, counted from 0, multiplies the learning rate with."""
        return 1.0

    @abstractmethod
    def tokens_in(self, split: str) -> int:
        """Tokens of a split; 0 where it is too short to be scored."""

    @abstractmethod
    def score(self, split: str, check: Check) -> Result:
        """How well the network predicts a split, every token once."""

    @abstractmethod
    def score_training(self, most: int, check: Check) -> Result:
        """How well frozen weights predict about `most` tokens of the training split, of whose total the score tells."""

    @abstractmethod
    def samples(self) -> Iterator[tuple[str, str]]:
        """What the network makes of each prompt: (prompt, text), from seeds of their own."""

    @abstractmethod
    def guard(self) -> None:
        """Raise RnnbenchError when a prediction sees what it must not."""
