"""The language of talking to a model: what each command changes, and which values it takes."""

import pytest

from rnnbench.runs.slashes import SampleRequest, describe, help_text, read_line, save_text

CHANGES = [
    ("/topp 0.9", {"top_p": 0.9}, "topp 0.9"), ("/minp 0.05", {"min_p": 0.05}, "minp 0.05"),
    ("/minp 0", {"min_p": 0.0}, "minp 0"), ("/typical 0.5", {"typical_p": 0.5}, "typical 0.5"),
    ("/rep 1.2", {"repetition_penalty": 1.2}, "rep 1.2"), ("/ngram 3", {"no_repeat_ngram": 3}, "ngram 3"),
    ('/stop "\\n "', {"stop": ("\n ",)}, "stop '\\n '"), ("/ban 漢", {"banned": ("漢",)}, "ban '漢'"),
    ("/beam 4", {"beam": 4}, "beam 4"), ("/penalty 0", {"length_penalty": 0.0}, ""),
    ("/unknown refuse", {"unknown": "refuse"}, "unknown refuse"),
    ("/greedy", {"greedy": True}, "greedy"), ("/novelty on", {"novelty": True}, "novelty on"),
    ("/novelty off", {"novelty": False}, "novelty off"), ("/novelty auto", {"novelty": "auto"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sent", "told"), CHANGES)
def test_a_command_changes_what_is_sent(line, sent, told):
    """One setting changes, is sent under its name in a request, and is told; before, it is not sent at all."""
    plain = SampleRequest("x")
    reply = read_line(line, plain)
    assert not reply.wrong and told in reply.message == describe(reply.settings)
    assert reply.settings.record() == plain.record() | sent and sent.items().isdisjoint(plain.record().items())


@pytest.mark.parametrize(
    "line", ["/topp 0.9", "/minp 0.1", "/typical 0.9", "/rep 1.1", "/ngram 3", "/stop a", "/ban a"]
)
def test_off_takes_a_setting_back(line):
    """Every choice that can be off is off again with /name off."""
    changed = read_line(line, SampleRequest("x")).settings
    assert changed != SampleRequest("x")
    assert read_line(f"{line.split()[0]} off", changed).settings == SampleRequest("x")


def test_stop_texts_add_up():
    """Each /stop adds one, none of them twice."""
    settings = SampleRequest("")
    for line in ("/stop a", '/stop " b"', "/stop a"):
        settings = read_line(line, settings).settings
    assert settings.stop == ("a", " b")


WRONG = [
    "/topp 0", "/topp 1.5", "/minp -1", "/minp x", "/typical nan", "/rep inf", "/rep 11", "/ngram -1", "/ngram 65",
    '/stop ""', "/beam 0", "/beam 1001", "/penalty -0.5", "/unknown maybe", "/unknown off", "/copy now",
    "/len " + "9" * 30, "/seed ٣", "/novelty maybe", "/fill a_b",
]  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_wrong_values_change_nothing(line):
    """The answer says what is right."""
    reply = read_line(line, SampleRequest("x"))
    assert reply.wrong and reply.message and reply.settings == SampleRequest("x") and reply.prompt is None


def test_actions_are_those_of_the_face():
    """What a face cannot do is an unknown command there, and its help has lines of its own."""
    assert read_line("/copy", SampleRequest("")).action == "copy"
    assert read_line("/copy", SampleRequest(""), ("quit",)).wrong
    assert read_line("/quit", SampleRequest(""), ("quit",)).action == "quit"
    assert help_text("cloze", "  /quit").endswith("\n  /quit") and "/topp" not in help_text("cloze")


def test_a_saved_text_never_replaces_another(tmp_path):
    """Each has a file of its own."""
    first, second = (save_text(tmp_path / "samples", text) for text in ("漢", "b"))
    assert (first.read_text(encoding="utf-8"), second.read_text(encoding="utf-8")) == ("漢\n", "b\n")


@pytest.mark.parametrize(
    ("line", "named"), [("/tmp 0.8", "/temp"), ("/compair a", "/compare"), ("/hlep", "/help"), ("/TOPK 4", "/topk")]
)
def test_an_unknown_command_names_the_nearest(line, named):
    """What was probably meant is said; what is like nothing only points to the help."""
    assert f"did you mean {named}?" in read_line(line, SampleRequest("")).message
    assert "did you mean" not in read_line("/zzzzzz", SampleRequest("")).message


def test_the_nearest_is_one_that_means_something():
    """A cloze run is not told of what it does not know."""
    assert "/temp" not in read_line("/tmp 0.8", SampleRequest("", task="cloze")).message


def test_fill_is_for_those_that_fill():
    """A cloze run is asked; others say who fills; a text without a blank is no request."""
    cloze = SampleRequest("", task="cloze")
    assert read_line("/fill 我有__剑", cloze).prompt == "我有__剑"
    assert read_line("/fill 我有剑", cloze).wrong and read_line("/fill", cloze).wrong
    assert "only a cloze run fills blanks" in read_line("/fill 我有__剑", SampleRequest("")).message


def test_some_actions_take_words():
    """/run and /compare are given theirs, /ckpt is an action alone and a setting with a value."""
    plain = SampleRequest("")
    assert [(r.action, r.words) for r in (read_line("/run a", plain), read_line("/compare a b", plain))] == [
        ("run", "a"),
        ("compare", "a b"),
    ]
    assert read_line("/ckpt", plain).action == "ckpt" and read_line("/ckpt last", plain).settings.checkpoint == "last"
    assert read_line("/ckpt", plain, ()).message == describe(plain)
