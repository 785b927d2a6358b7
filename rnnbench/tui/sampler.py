"""Asks a sampling process for texts, fillings or answers, and posts what comes."""

import contextlib
import itertools
import json
import os
import queue
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

from rnnbench.runs import jobs
from rnnbench.runs.slashes import SampleRequest
from rnnbench.tui.messages import (
    AnswerArrived,
    AnswersEnded,
    FillingArrived,
    NoveltyMeasured,
    SampleBegun,
    SampleEnded,
    SamplerFailed,
    SamplerReady,
    SamplerRemarked,
    Target,
    TokensArrived,
    post,
)
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

POST_SECONDS = 0.1
_READ_BYTES = 1 << 16
_TAIL_BYTES = 4096
_END_SECONDS = 1.0
STUCK_SECONDS = 0.3
_LONGEST_LINE = 32 << 20  # bytes; whoever writes more without a line end is no sampler of ours


class Sampler:
    """Samples from one run. Its process starts with the first request, stays warm, and is started again if it died, or
    if it is still at work on what was cancelled: a beam that has begun cannot be called off.

    Request ids are unique in this program, so an answer that comes late cannot be taken for another sampler's.
    """

    _ids = itertools.count(1)

    def __init__(
        self, target: Target, workspace: Workspace, run_name: str, command: Sequence[str] | None = None
    ) -> None:
        self.run_name = run_name
        self._target = target
        self._command = list(command or jobs.sampler_command(workspace, run_name))
        self._child: _Child | None = None

    def ask(self, request: SampleRequest) -> int:
        """Send a request; returns its id, which every answer carries. Never waits."""
        if self._child is not None and self._child.stuck:
            self.close()
        if self._child is None or self._child.ended:
            self._child = _Child(self._target, self.run_name, self._command)
        request_id = next(self._ids)
        self._child.ask(request_id, request)
        return request_id

    def cancel(self) -> None:
        """Stop what is being written; a SampleEnded with `cancelled` follows."""
        if self._child is not None:
            self._child.cancel()

    def close(self) -> None:
        """End the process, without waiting for it; no message follows."""
        if self._child is not None:
            self._child.close()
            self._child = None

    @property
    def busy(self) -> bool:
        """Whether a request is still open."""
        return self._child is not None and bool(self._child.open_requests)


class _Child:
    """One sampling process with two threads: a full pipe must block neither the interface nor the reader."""

    def __init__(self, target: Target, run_name: str, command: list[str]) -> None:
        self.ended = False
        self.open_requests: set[int] = set()
        self._target, self._run_name, self._command = target, run_name, command
        self._begun: set[int] = set()
        self._cancelled: dict[int, float] = {}  # when, by the monotonic clock
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._tokens = _TokenGatherer(target)
        threading.Thread(target=self._live, name=f"sampler {run_name}", daemon=True).start()

    def ask(self, request_id: int, request: SampleRequest) -> None:
        self.open_requests.add(request_id)
        self._send({"id": request_id, **request.record()})

    def cancel(self) -> None:
        for request_id in sorted(self.open_requests):
            self._cancelled.setdefault(request_id, time.monotonic())
            self._send({"id": request_id, "cancel": True})

    @property
    def stuck(self) -> bool:
        """Whether it goes on with what was cancelled. One that is still loading its model for it is not stuck."""
        now = time.monotonic()
        open_begun = self.open_requests & self._begun
        return any(now - self._cancelled.get(request_id, now) > STUCK_SECONDS for request_id in open_begun)

    def close(self) -> None:
        self._closing = True
        self._outbox.put(None)
        if self._process is not None:
            _terminate(self._process)

    def _send(self, record: dict[str, Any]) -> None:
        self._outbox.put(json.dumps(record).encode() + b"\n")

    def _live(self) -> None:
        """From start to end of the process, and say how it ended."""
        try:
            with tempfile.TemporaryFile() as errors:
                code = self._serve(self._spawn(errors))
                self._fail(_last_line(errors) or tr("the sampler ended with exit code {code}", code=code))
        except OSError as error:
            self._fail(tr("the sampler could not be started: {problem}", problem=error))

    def _serve(self, process: "subprocess.Popen[bytes]") -> int:
        threading.Thread(target=self._write, args=(process,), name="sampler input", daemon=True).start()
        self._read(process)
        self._outbox.put(None)
        return _wait(process)

    def _spawn(self, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            start_new_session=True,  # a Ctrl+C or a hang-up of the terminal is ours to handle
            env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
        )
        self._process = process
        if self._closing:  # close() came before there was anything to end
            _terminate(process)
        return process

    def _write(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            while (line := self._outbox.get()) is not None:
                rest = memoryview(line)
                while rest:
                    rest = rest[pipe.write(rest) or 0 :]

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        parts: list[bytes] = []
        with process.stdout as pipe:
            while True:
                readable, _, _ = select.select([pipe], [], [], self._tokens.wait_seconds())
                if readable:
                    data = os.read(pipe.fileno(), _READ_BYTES)
                    if not data:
                        break
                    *lines, rest = data.split(b"\n")
                    for line in lines:
                        self._take(b"".join([*parts, line]))
                        parts.clear()
                    if sum(map(len, parts)) + len(rest) <= _LONGEST_LINE:
                        parts.append(rest)
                if not self._closing:
                    self._tokens.post_when_due()
        if not self._closing:
            self._tokens.flush()

    def _take(self, line: bytes) -> None:
        """Pass one answer on; a line that is none is left out."""
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            record: dict[str, Any] = json.loads(line)
            if record.get("event") == "token":
                self._tokens.add(int(record["id"]), str(record["text"]))
            elif not self._closing:
                self._answer(record)

    def _answer(self, record: dict[str, Any]) -> None:
        request_id = int(record["id"]) if record.get("id") is not None else None
        match record["event"]:
            case "ready":
                post(self._target, SamplerReady(self._run_name))
            case "begun":
                self._begun.add(int(record["id"]))
                post(self._target, _begun(record))
            case "filling":
                found = FillingArrived(int(record["id"]), str(record["text"]), float(record["probability"]))
                post(self._target, found)
            case "answer":
                post(self._target, _answered(record))
            case "done":
                self._tokens.flush()
                self._done(record)
            case "novelty":
                post(self._target, _measured(record))
            case "remark":
                post(self._target, SamplerRemarked(int(record["id"]), visible(str(record["message"]))))
            case "error":
                self._tokens.flush()
                self.open_requests.discard(request_id or 0)
                post(self._target, SamplerFailed(visible(str(record["message"])), request_id))

    def _done(self, record: dict[str, Any]) -> None:
        self.open_requests.discard(int(record["id"]))
        ended = _answers_ended(record) if "answers" in record else _sample_ended(record)
        post(self._target, ended)

    def _fail(self, message: str) -> None:
        self.ended = True
        self.open_requests.clear()
        if not self._closing:
            post(self._target, SamplerFailed(visible(message)))


class _TokenGatherer:
    """Joins tokens of one request, so that the interface is asked to draw at most ten times a second."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._request_id = 0
        self._pieces: list[str] = []
        self._last_post = 0.0

    def add(self, request_id: int, text: str) -> None:
        if request_id != self._request_id:
            self.flush()
        self._request_id = request_id
        self._pieces.append(text)

    def wait_seconds(self) -> float | None:
        """How long the reader may sleep: for ever when there is nothing to show."""
        if not self._pieces:
            return None
        return max(self._last_post + POST_SECONDS - time.monotonic(), 0)

    def post_when_due(self) -> None:
        if self.wait_seconds() == 0:
            self.flush()

    def flush(self) -> None:
        if self._pieces:
            post(self._target, TokensArrived(self._request_id, "".join(self._pieces)))
            self._pieces = []
            self._last_post = time.monotonic()


def _begun(record: dict[str, Any]) -> SampleBegun:
    seed = None if record["seed"] is None else int(record["seed"])
    unknown = tuple(str(symbol) for symbol in record.get("unknown") or ())
    return SampleBegun(int(record["id"]), int(record["step"]), seed, unknown)


def _answered(record: dict[str, Any]) -> AnswerArrived:
    return AnswerArrived(
        request_id=int(record["id"]),
        text=str(record["text"]),
        tokens=int(record["tokens"]),
        log_probability_nats=float(record["log_probability_nats"]),
    )


def _answers_ended(record: dict[str, Any]) -> AnswersEnded:
    return AnswersEnded(
        request_id=int(record["id"]),
        answers=int(record["answers"]),
        seconds=float(record["seconds"]),
        cancelled=bool(record["cancelled"]),
    )


def _sample_ended(record: dict[str, Any]) -> SampleEnded:
    return SampleEnded(
        request_id=int(record["id"]),
        tokens=int(record["tokens"]),
        log_probability_nats=float(record["log_probability_nats"]),
        tokens_per_second=float(record["tokens_per_second"]),
        cancelled=bool(record["cancelled"]),
    )


def _measured(record: dict[str, Any]) -> NoveltyMeasured:
    shares: dict[str, float] = record["novel_shares"]
    return NoveltyMeasured(
        request_id=int(record["id"]),
        tokens=int(record["tokens"]),
        copied=int(record["longest_copied"]),
        unit=visible(str(record["unit"])),
        memorised=bool(record["memorised"]),
        new_shares=tuple(float(shares[str(n)]) for n in range(1, len(shares) + 1)),
    )


def _terminate(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    threading.Thread(target=_wait, args=(process,), name="sampler end", daemon=True).start()


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit code of a process that should end by itself now; by force when it does not within a second."""
    try:
        return process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _last_line(file: IO[bytes]) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL_BYTES))
    lines = file.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
