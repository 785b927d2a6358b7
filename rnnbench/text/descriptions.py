"""What is known of a text, as plain records: the screens read them without loading what measured them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemberFacts:
    """How one text of a source was read."""

    name: str
    encoding: str
    confidence: float
    replaced: int


@dataclass(frozen=True)
class LineLengths:
    """How many lines have between `shortest` and `longest` characters, both included; `longest` None: no limit."""

    shortest: int
    longest: int | None
    lines: int


@dataclass(frozen=True)
class TokenCount:
    """A word or token and how often it occurs."""

    token: str
    count: int


@dataclass(frozen=True)
class ZipfPoint:
    """The count of the token that is `rank`-th most frequent, from 1 (Zipf 1935: count falls about as 1 / rank)."""

    rank: int
    count: int


@dataclass(frozen=True)
class TextStatistics:
    """What a text holds. Words are what white space separates; line ends belong to no line's length.

    `word_types` is a lower bound where `types_capped`: words first met after the cap were counted as words only.
    """

    characters: int
    lines: int
    words: int
    word_types: int
    types_capped: bool
    line_lengths: tuple[LineLengths, ...]
    longest_line: int
    most_common_words: tuple[TokenCount, ...]


@dataclass(frozen=True)
class SplitDescription:
    """A split as `corpora show` tells it."""

    name: str
    tokens: int
    characters: int
    out_of_vocabulary_rate: float


@dataclass(frozen=True)
class BaselineFacts:
    """How well a split is predicted without a network."""

    name: str
    loss_nats: float | None
    bits_per_character: float | None


@dataclass(frozen=True)
class CorpusDescription:
    """A corpus as `corpora show` tells it.

    `switches` are the normalisations that make it lossy, `opening` the first tokens as the tokenizer cuts them.
    """

    path: str
    bytes: int
    encoding: str
    encoding_confidence: float
    characters: int
    lines: int
    tokenizer: str
    tokens: int
    vocabulary_size: int
    most_common: tuple[tuple[str, int], ...]
    splits: tuple[SplitDescription, ...]
    digest: str
    members: tuple[MemberFacts, ...] = ()
    switches: tuple[str, ...] = ()
    replaced: int = 0
    statistics: TextStatistics | None = None
    zipf: tuple[ZipfPoint, ...] = ()
    opening: tuple[str, ...] = ()
