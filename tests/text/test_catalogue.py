"""The catalogue is sound, and what is not sound is refused by name."""

from collections.abc import Callable

import pytest

from rnnbench.errors import BadDataError, UsageError
from rnnbench.text import catalogue

GOOD = {
    "name": '"tides"',
    "title": '"The Tides"',
    "language": '"en"',
    "address": '"https://texts.example/tides.txt"',
    "bytes": "1000",
    "licence": '"CC0"',
    "kind": '"text"',
    "file": '"tides.txt"',
}


@pytest.fixture
def toml() -> Callable[..., str]:
    """An entry in TOML: the good one with some fields replaced, added or (None) left out."""

    def write(**changes: str | None) -> str:
        fields = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
        return "[[corpus]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())

    return write


def test_the_catalogue_of_the_package_is_sound() -> None:
    """Every entry loads, every archive's content can be verified, and no two entries share a file."""
    entries = catalogue.entries()
    assert {"timemachine", "tinyshakespeare", "moliere", "tangshi300", "fra-eng", "enwik8"} <= {e.name for e in entries}
    assert len({entry.file for entry in entries}) == len(entries)
    assert all(entry.sha256 for entry in entries if entry.kind in ("zip", "poems"))


def test_only_what_the_licence_forbids_is_restricted_and_says_why() -> None:
    """Penn Treebank is the one text that has to be asked for twice."""
    assert {entry.name: bool(entry.note) for entry in catalogue.entries() if entry.restricted} == {"ptb": True}


def test_known_facts(shared_corpus: Callable[[str], object]) -> None:
    """Where the same bytes lie in ../shared/corpora, the catalogue's size and digest are theirs."""
    import hashlib

    for name, file in (("timemachine", "timemachine.txt"), ("wikitext-2-test", "wikitext-2.test.txt")):
        data = shared_corpus(file).read_bytes()  # type: ignore[attr-defined]
        entry = catalogue.find(name)
        assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("name", ["tinyshakespear", "TinyShakespeare", "shakespeare"])
def test_an_unknown_name_is_answered_with_the_nearest(name: str) -> None:
    """A slip of the finger gets the name that was meant, and exit code 2."""
    with pytest.raises(UsageError, match="tinyshakespeare"):
        catalogue.find(name)


def test_a_name_like_no_other_is_sent_to_the_list() -> None:
    """Without anything near, the command that lists them is named."""
    with pytest.raises(UsageError, match="rnnbench corpora catalogue"):
        catalogue.find("zzzzzz")


def test_defaults(toml: Callable[..., str]) -> None:
    """What is left out is unknown or not so; a size that is only about right gets more room than a verified one."""
    (about,) = catalogue.read_entries(toml())
    (exact,) = catalogue.read_entries(toml(sha256=f'"{"0" * 64}"'))
    assert (about.sha256, about.restricted, about.holds_pairs) == (None, False, False)
    assert exact.bytes < exact.largest_download < about.largest_download
    assert catalogue.read_entries(toml(file='"tides.tsv"'))[0].holds_pairs


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"title": None}, "title"),
        ({"colour": '"red"'}, "colour"),
        ({"kind": '"tarball"'}, "kind"),
        ({"bytes": '"many"'}, "bytes"),
        ({"bytes": "0"}, "bytes"),
        ({"bytes": "9_000_000_000"}, "bytes"),
        ({"sha256": '"ABC"'}, "sha256"),
        ({"name": '"../tides"'}, "name"),
        ({"file": '"../tides.txt"'}, "file"),
        ({"file": '"waves.txt"'}, "file"),
        ({"address": '"file:///etc/passwd"'}, "address"),
        ({"kind": '"zip"'}, "member"),
        ({"kind": '"zip"', "member": '"a/b"', "unpacked_bytes": "5"}, "member"),
        ({"kind": '"zip"', "member": '"b"'}, "unpacked_bytes"),
        ({"member": '"b"'}, "member"),
        ({"restricted": "true"}, "note"),
        ({"bytes": ""}, "catalogue"),
    ],
)
def test_a_damaged_entry_is_named(toml: Callable[..., str], changes: dict[str, str | None], told: str) -> None:
    """The message tells which field is wrong."""
    with pytest.raises(BadDataError, match=told):
        catalogue.read_entries(toml(**changes))


def test_a_name_cannot_stand_twice(toml: Callable[..., str]) -> None:
    """Two entries of one name, or tables that are not entries, are refused."""
    with pytest.raises(BadDataError, match="twice"):
        catalogue.read_entries(toml() + toml())
    with pytest.raises(BadDataError, match="weather"):
        catalogue.read_entries("[weather]\n" + toml())


@pytest.mark.parametrize(
    "address",
    [
        "ftp://texts.example/a",
        "file:///etc/passwd",
        "texts.example/a",
        "https://",
        "https:///a",
        "https://texts.example/a b",
        "https://texts.example/a\r\nHost: other.example",
        "https://texts.example/é",
        "https://user:secret@texts.example/a",
        "https://texts.example:port/a",
        "https://[::1/a",
        "",
    ],
)
def test_other_addresses_than_plain_http_are_refused(address: str) -> None:
    """Nothing but http and https, nothing that could carry a second header, and no password."""
    with pytest.raises(UsageError) as told:
        catalogue.check_address(address)
    assert "secret" not in str(told.value)
