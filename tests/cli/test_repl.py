"""repl: prompts and commands line by line, from a terminal and from a pipe; the history between sessions."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from rnnbench.cli.prompting import Entry, read_entry

PATIENCE = 60.0


def talk(home, lines, *words):
    """`rnnbench repl tm` with these lines on a pipe."""
    command = [sys.executable, "-m", "rnnbench", "--workspace", str(home), "repl", "tm", *words]
    return subprocess.run(command, input=lines.encode(), capture_output=True, timeout=PATIENCE, check=False)


def reader(*lines):
    """What reads these lines, and then the end."""
    waiting = list(lines)

    def read(prompt):
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    return read


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        (["a"], Entry("a")),
        ([""], Entry("")),
        (["a\\", "b\\", "c"], Entry("a\nb\nc")),
        (["a\\"], Entry("a")),
        (["/stop x\\", "b"], Entry("/stop x\\")),
        (["//a\\", "b"], Entry("//a\nb")),
        (['"""a', "", "b", '"""'], Entry("a\n\nb", block=True)),
        (['"""', "/a", '"""'], Entry("/a", block=True)),
        (['"""one"""'], Entry("one", block=True)),
        (['""""""'], Entry("", block=True)),
        (['"""a', "b"], Entry("a\nb", block=True)),
        (['"""a', 'b"""  '], Entry("a\nb", block=True)),
    ],
)
def test_prompts_of_several_lines(lines, entry):
    """A backslash at the end goes on, three quotes hold what is between them; the end of the input ends both."""
    assert read_entry(reader(*lines)) == entry


def test_the_end_of_the_input_is_the_end():
    """Nothing more to read is EOFError, not an empty prompt."""
    with pytest.raises(EOFError):
        read_entry(reader())


def test_a_pipe_of_prompts_gives_texts_and_nothing_else(trained, cli, digest_of):
    """Texts on stdout, the same as `sample` writes; remarks and refusals on stderr, after which the next line is asked."""
    before = digest_of(trained.root)
    lines = '/len 20\n/seed 4\nThe \n\n/topp 0.9\n/nope\n/temp -1\n/unknown refuse\n漢\n"""A\ngull"""\n/beam 3\nThe \n/ckpt 77\nThe \n'
    done = talk(trained.root, lines)
    words = ("--length", "20", "--seed", "4")
    expected = [
        cli("sample", "tm", *words, "--prompt", "The ", home=trained.root).out,
        cli("sample", "tm", *words, "--prompt", "A\ngull", "--top-p", "0.9", home=trained.root).out,
        cli("sample", "tm", "--length", "20", "--beam", "3", "--prompt", "The ", home=trained.root).out,
    ]
    assert done.stdout.decode() == "".join(f"{text}\n" for text in expected)
    told = done.stderr.decode()
    assert done.returncode == 1 and "Traceback" not in told
    for said in ("/nope", "/temp -1", "'漢'", "no checkpoint at step 77", "topp 0.9"):
        assert said in told
    assert digest_of(trained.root) == before


def test_a_pipe_without_a_mistake_is_done(trained):
    """Exit code 0, the last line without a line end is a prompt too, and /quit leaves what follows."""
    done = talk(trained.root, "/len 5\n/greedy on\nThe ", "--checkpoint", "last")
    assert done.returncode == 0 and len(done.stdout) == 6
    assert talk(trained.root, "/quit\nThe \n").stdout == b""


def test_runs_and_checkpoints_are_compared_line_by_line(trained, cli, tmp_path):
    """/compare asks each of them with one seed under a heading; /run asks another run; /ckpt lists what there is."""
    import shutil

    shutil.copytree(trained.root, tmp_path / "home")
    shutil.copytree(trained.root / "runs" / "tm", tmp_path / "home" / "runs" / "other")
    lines = (
        "/len 20\n/seed 4\n/ckpt\n/compare best last other@best\nThe \n/save\n/compare off\nThe \n"
        "/run other\n/novelty on\nThe \n/run\n/fill a_b\n/compare nope\n/tmp 3\n"
    )
    done = talk(tmp_path / "home", lines)
    text = cli("sample", "tm", "--length", "20", "--seed", "4", "--prompt", "The ", home=trained.root).out
    told, heads = done.stderr.decode(), [line for line in done.stdout.decode().splitlines() if line.startswith("== ")]
    assert [head.split(",")[0] for head in heads] == ["== tm", "== tm", "== other"]
    assert done.stdout.decode().count(f"{text}\n") >= 4 and done.returncode == 1
    for said in (
        "checkpoints of tm:", "prompts go to tm@best, tm@last, other@best", "saved as", "other is a language_model run",
        "longest copied span", "only a cloze run fills blanks", "no run named nope", "did you mean /temp?",
    ):  # fmt: skip
        assert said in told
    assert "The " in (tmp_path / "home" / "runs" / "tm" / "samples" / "sample-1.txt").read_text()


def test_a_run_that_is_not_there(cli, trained, complaint):
    """Exit code 2, with the names that are."""
    answer = cli("repl", "nope", home=trained.root)
    assert answer.code == 2 and "known: tm" in complaint(answer)


class Terminal:
    """`rnnbench repl tm` on a pseudo-terminal of its own."""

    def __init__(self, home):
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "rnnbench", "--workspace", str(home), "repl", "tm"]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "dumb"}, start_new_session=True
        )
        os.close(slave)
        self.seen = ""

    def send(self, text):
        os.write(self.master, text.encode())

    def interrupt(self):
        """What Ctrl-C does on the terminal that a program was started from."""
        self.process.send_signal(signal.SIGINT)

    def interrupt_until_left(self):
        """Ctrl-C at the prompt: one that comes in the instant between prompt and waiting is only seen with the next."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.interrupt()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        return self.process.poll()

    def until(self, text):
        """Read until the text has been written since the last call."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{text!r} never came, but {self.seen[-500:]!r}"
            try:
                self.seen += os.read(self.master, 1 << 16).decode("utf-8", "replace")
            except OSError:  # it has left
                assert text in self.seen, self.seen[-500:]
        found, self.seen = self.seen.split(text, 1)
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(trained, tmp_path):
    """Opens terminals in a copy of the workspace, and closes them."""
    import shutil

    shutil.copytree(trained.root, tmp_path / "home")
    opened = []

    def start():
        opened.append(Terminal(tmp_path / "home"))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_ctrl_c_stops_the_text_and_not_the_program(terminal):
    """While a text is written it ends that text; at the prompt it leaves. What was entered comes back next time."""
    first = terminal()
    assert "continues a text" in first.until("> ")
    first.send("/len 100000\n")
    first.until("len 100000")
    first.until("> ")
    first.send("The gull\n")
    first.until("The gull")  # the terminal's echo
    first.until("The gull")  # the text begins with its prompt
    first.interrupt()
    first.until("stopped")
    first.until("> ")
    first.send("/len 7\n")
    first.until("len 7")
    first.send("A\n")
    first.until("7 tokens")
    first.until("> ")
    assert first.interrupt_until_left() == 130
    first.until("interrupted")
    second = terminal()
    second.until("> ")
    second.send("\x10\n")  # Ctrl-P, the line before: the last prompt
    second.until("tokens")
    second.until("> ")
    second.send("\x04")
    assert second.process.wait(PATIENCE) == 0
