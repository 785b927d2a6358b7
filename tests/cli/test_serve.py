"""sample --serve: JSON lines in, token events out, from one warm process that ends with its parent."""

import json
import queue
import shutil
import subprocess
import sys
import threading

import pytest

PATIENCE = 30.0


class Server:
    """A real `rnnbench sample tm --serve`."""

    def __init__(self, home, *words):
        command = [sys.executable, "-m", "rnnbench", "--workspace", str(home), "sample", "tm", "--serve", *words]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.answers = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def end(self):
        """Kill what still runs, and let go of the pipes; the exit code and what was on stderr."""
        self.process.kill()
        self.reader.join()
        with self.process as process:
            return process.wait(), process.stderr.read()

    def send(self, request):
        """Write a request, or a line that is none."""
        line = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def next(self):
        """The next answer; None when the server has closed its stdout."""
        return self.answers.get(timeout=PATIENCE)

    def until(self, *events):
        """Every answer up to the first of these events, which is the last."""
        found = [self.next()]
        while found[-1] is not None and found[-1]["event"] not in events:
            found.append(self.next())
        return found

    def ask(self, **request):
        """The answers to one request."""
        self.send(request)
        return self.until("done", "error")


@pytest.fixture(scope="module")
def server(trained):
    """One warm server for all requests below."""
    found = Server(trained.root)
    ready = found.next()
    assert (ready["event"], ready["run"], ready["task"]) == ("ready", "tm", "language_model")
    assert ready["does"] == "continues a text" and "temperature" in ready["options"]
    yield found
    found.end()


def text_of(answers):
    return "".join(answer["text"] for answer in answers if answer["event"] == "token")


def test_a_request_is_begun_written_and_done(server, cli, trained):
    """begun with step, seed and unknown characters, a token event each, done with the figures; the text is sample's."""
    answers = server.ask(id=1, prompt="The 漢", length=25, seed=6, temperature=0.7, top_k=5)
    assert {answer["id"] for answer in answers} == {1}
    assert [answer["event"] for answer in answers] == ["begun", *["token"] * 25, "done"]
    assert answers[0] == {"event": "begun", "id": 1, "step": 120, "seed": 6, "unknown": ["漢"]}
    done = answers[-1]
    assert (done["tokens"], done["cancelled"]) == (25, False) and done["log_probability_nats"] < 0
    assert done["tokens_per_second"] > 0
    words = ("--prompt", "The 漢", "--length", "25", "--seed", "6", "--temperature", "0.7", "--top-k", "5")
    assert text_of(answers) == cli("sample", "tm", *words, home=trained.root).out


def test_a_drawn_seed_repeats_the_text(server):
    """Without a seed one is drawn and told."""
    first = server.ask(id=2, prompt="A", length=30)
    assert text_of(server.ask(id=3, prompt="A", length=30, seed=first[0]["seed"])) == text_of(first)


def test_requests_are_answered_in_turn(server):
    """Two requests at once: one after the other, in the order in which they came."""
    server.send({"id": 10, "prompt": "A", "length": 5})
    server.send({"id": 11, "prompt": "B", "length": 5})
    answers = server.until("done") + server.until("done")
    assert [answer["id"] for answer in answers] == [10] * 7 + [11] * 7


def test_a_request_can_be_cancelled(server):
    """A text without end ends at its cancellation, says so, and the next request is answered."""
    server.send({"id": 20, "prompt": "A", "length": 10_000_000})
    server.until("token")
    server.send({"id": 20, "cancel": True})
    done = server.until("done")[-1]
    assert done["id"] == 20 and done["cancelled"] and 0 < done["tokens"] < 10_000_000
    assert server.ask(id=21, prompt="A", length=3)[-1]["cancelled"] is False


def test_a_waiting_request_can_be_cancelled(server):
    """Cancelled before its turn, a request writes one token at most."""
    server.send({"id": 30, "prompt": "A", "length": 10_000_000})
    server.until("token")
    server.send({"id": 31, "prompt": "A", "length": 10_000_000})
    server.send({"id": 31, "cancel": True})
    server.send({"id": 30, "cancel": True})
    assert server.until("done")[-1]["id"] == 30
    done = server.until("done")[-1]
    assert (done["id"], done["cancelled"]) == (31, True) and done["tokens"] <= 1


BAD = [
    b"", b"{", b"nonsense", b"[]", b"null", b"5", b'"text"', b"\xff\xfe", b"{}", b'{"id": "x"}', b'{"id": 1.5}',
    b'{"id": 1, "length": -1}', b'{"id": 1, "length": 1e9}', b'{"id": 1, "temperature": 0}',
    b'{"id": 1, "temperature": NaN}', b'{"id": 1, "colour": "red"}', b'{"id": 1, "prompt": 5}',
    b'{"id": 1, "seed": -1}',
    b'{"id": Infinity}', b'{"id": 1e999}', b'{"id": -Infinity, "cancel": true}', b"[" * 100_000, b'{"id":' * 50_000,
    b'{"id": ' + b"9" * 5000 + b"}", b'{"id": 1, "prompt": "\\ud800"}',
]  # fmt: skip


@pytest.mark.parametrize("line", BAD, ids=lambda line: line[:20].decode("latin-1"))
def test_a_line_that_is_no_request_is_an_error_and_no_more(server, line):
    """It is answered with an error event, and the next request is served."""
    server.send(line)
    answer = server.next()
    assert answer["event"] == "error" and answer["message"] and isinstance(answer["id"], int)
    assert server.ask(id=99, prompt="A", length=2)[-1]["event"] == "done"


def test_an_error_names_its_request(server):
    """The id of a line that has one comes back, so that its sender knows."""
    server.send({"id": 77, "length": -5})
    assert server.next()["id"] == 77


def test_a_checkpoint_that_is_not_there_is_an_error(server):
    """The server stays, and the model of other checkpoints can still be asked."""
    (answer,) = server.ask(id=40, prompt="A", checkpoint="77")
    assert (answer["event"], answer["id"]) == ("error", 40) and "no checkpoint at step 77" in answer["message"]
    for which in ("last", "0", "best"):
        assert server.ask(id=41, prompt="A", length=1, checkpoint=which)[-1]["event"] in ("done", "error")
    assert server.ask(id=42, prompt="A", length=1, checkpoint="last")[0]["step"] == 120


@pytest.mark.parametrize("busy", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_ends_when_stdin_closes(trained, busy):
    """Waiting or writing: when its parent is gone the server ends by itself, without an error."""
    server = Server(trained.root)
    assert server.next()["event"] == "ready"
    if busy:
        server.send({"id": 1, "prompt": "A", "length": 10_000_000})
        server.until("token")
    server.process.stdin.close()
    assert server.process.wait(PATIENCE) == 0
    assert server.end() == (0, b"")


def test_a_run_that_is_not_there(cli, workspace, complaint):
    """No server for no run: exit code 2."""
    answer = cli("sample", "nope", "--serve")
    assert answer.code == 2 and "no run named nope" in complaint(answer)


def test_a_beam_is_told_whole(server, cli, trained):
    """The likeliest text, as one token event, is what the command line finds; its request may hold choices of drawing."""
    answers = server.ask(id=50, prompt="The ", length=20, beam=4, temperature=0.5, length_penalty=0.5)
    assert [answer["event"] for answer in answers] == ["begun", "token", "done"] and answers[0]["seed"] is None
    words = ("--prompt", "The ", "--length", "20", "--beam", "4")
    assert text_of(answers) == cli("sample", "tm", *words, home=trained.root).out
    assert answers[-1]["tokens"] == 20 and not answers[-1]["cancelled"]


def test_unknown_symbols_can_be_refused(server):
    """The error names them."""
    (answer,) = server.ask(id=51, prompt="漢", unknown="refuse")
    assert answer["event"] == "error" and "'漢'" in answer["message"]


def test_a_newer_best_is_asked_while_training_goes_on(trained, tmp_path):
    """`best` and `last` are looked up for every request: what a trainer saved since is what answers."""
    shutil.copytree(trained.root, tmp_path / "home")
    folder = tmp_path / "home" / "runs" / "tm" / "checkpoints"
    names = sorted(path.stem for path in folder.glob("step-*.json"))
    for suffix in (".json", ".safetensors"):  # the tensors after the manifest: nothing is to be read between
        (folder / f"{names[-1]}{suffix}").rename(tmp_path / f"{names[-1]}{suffix}")
    server = Server(tmp_path / "home")
    try:
        assert server.next()["event"] == "ready"
        before = [server.ask(id=1, prompt="A", length=1, checkpoint=which)[0]["step"] for which in ("best", "last")]
        for suffix in (".safetensors", ".json"):  # as a trainer does: the manifest makes it one
            (tmp_path / f"{names[-1]}{suffix}").rename(folder / f"{names[-1]}{suffix}")
        after = [server.ask(id=2, prompt="A", length=1, checkpoint=which)[0]["step"] for which in ("best", "last")]
    finally:
        server.end()
    assert after == [120, 120] and max(before) < 120


def test_novelty_follows_a_text(server):
    """Asked for, it comes after the text is done: the longest copied stretch and the share of new n-grams."""
    done = server.ask(id=60, prompt="The ", length=40, seed=1, novelty=True)[-1]
    assert done["event"] == "done"
    found = server.next()
    assert (found["event"], found["id"], found["tokens"], found["unit"]) == ("novelty", 60, 40, "characters")
    assert 0 < found["longest_copied"] <= 40 and list(found["novel_shares"]) == [str(n) for n in range(1, 9)]
    assert server.ask(id=61, prompt="The ", length=10)[-1]["event"] == "done"
    assert server.ask(id=62, prompt="The ", length=10)[0]["id"] == 62, "it is not told to who did not ask"
    server.ask(id=63, prompt="The ", length=10, novelty="auto")
    assert (server.next()["event"], server.ask(id=64, prompt="A", length=1)[0]["id"]) == ("novelty", 64)


def test_the_next_request_ends_the_search_for_copies(trained):
    """Whoever waits for a text does not wait for figures about the one before."""
    from rnnbench.cli import serve
    from rnnbench.cli.copying import CopyMeter
    from rnnbench.engine.loading import open_model
    from rnnbench.runs.store import RunStore

    run, inbox = RunStore(trained).find("tm"), serve.Inbox()
    model, meter = open_model(run), CopyMeter(trained, run)
    inbox.check_idle()
    inbox.requests.put(serve.Request(id=2))
    with pytest.raises(serve._Interrupted):
        meter.measure(model, [1, 2, 3], inbox.check_idle)


def test_a_training_text_that_is_gone_is_remarked_on_request(trained, tmp_path):
    """novelty on says that it cannot be had, auto keeps quiet; the texts come all the same."""
    shutil.copytree(trained.root, tmp_path / "home")
    (tmp_path / "home" / "corpora" / "small.txt").write_text("another text\n" * 100)
    server = Server(tmp_path / "home")
    try:
        assert server.next()["event"] == "ready"
        server.ask(id=1, prompt="A", length=5, novelty="auto")
        server.ask(id=2, prompt="A", length=5, novelty=True)
        remark = server.next()
    finally:
        server.end()
    assert (remark["event"], remark["id"]) == ("remark", 2) and "not there as it was" in remark["message"]
