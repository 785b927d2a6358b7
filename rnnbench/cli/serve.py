"""`sample --serve`: JSON lines in, token events out; keeps the model warm and ends with its parent."""

import json
import queue
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rnnbench.engine import checkpoints
from rnnbench.engine.loading import LoadedModel, open_model
from rnnbench.engine.sampling import Decoding, generate
from rnnbench.errors import RnnbenchError
from rnnbench.runs.store import Run


class Request(BaseModel):
    """One line of input: a prompt to continue, or `cancel` for the request of that id."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: int
    prompt: str = ""
    length: int = Field(200, ge=0, le=10_000_000)
    temperature: float = Field(0.8, gt=0, le=1000)
    top_k: int = Field(0, ge=0)
    greedy: bool = False
    seed: int | None = Field(None, ge=0, lt=2**63)
    checkpoint: str = "best"
    cancel: bool = False


@dataclass
class Inbox:
    """Requests as they come, read in a thread, so that a cancellation is seen while text is being written."""

    requests: "queue.SimpleQueue[Request | None]" = field(default_factory=queue.SimpleQueue)
    cancelled: set[int] = field(default_factory=set)
    closed: bool = False

    def read(self) -> None:
        """Until stdin closes, which is how the parent's end is noticed."""
        for line in sys.stdin.buffer:
            try:
                request = Request.model_validate_json(line)
            except ValidationError as error:
                _answer("error", _id_in(line), message=f"not a request: {error.errors()[0]['msg']}")
                continue
            if request.cancel:
                self.cancelled.add(request.id)
            else:
                self.requests.put(request)
        self.closed = True
        self.requests.put(None)


def _id_in(line: bytes) -> int:
    try:
        return int(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # id: Infinity; a line of brackets
        return 0


def serve(run: Run) -> None:
    """Answer requests until stdin closes."""
    inbox = Inbox()
    threading.Thread(target=inbox.read, daemon=True).start()
    _answer("ready", None, run=run.name)
    loaded: tuple[str, LoadedModel] | None = None
    while (request := inbox.requests.get()) is not None:
        try:
            loaded = _model(run, request.checkpoint, loaded)
            _write_sample(loaded[1], request, inbox)
        except RnnbenchError as error:
            _answer("error", request.id, message=str(error))


def _model(run: Run, checkpoint: str, loaded: tuple[str, LoadedModel] | None) -> tuple[str, LoadedModel]:
    """The model of the wished checkpoint; `best` and `last` move while a run goes on, so they are looked up anew."""
    digest = checkpoints.choose_trained(run.checkpoints, checkpoint).sha256
    if loaded is not None and loaded[0] == digest:
        return loaded
    return digest, open_model(run, checkpoint)


def _write_sample(model: LoadedModel, request: Request, inbox: Inbox) -> None:
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    prompt = model.read(request.prompt)
    _answer("begun", request.id, step=model.step, seed=seed, unknown=model.vocabulary.unknown(prompt)[:20])
    decoding = Decoding(request.length, request.temperature, request.top_k, request.greedy, seed)
    began, total, nats, cancelled = time.perf_counter(), 0, 0.0, False
    for token in generate(model.network, model.vocabulary, prompt, decoding):
        total, nats = total + 1, nats + token.log_probability_nats
        _answer("token", request.id, text=token.text)
        if inbox.closed or request.id in inbox.cancelled:
            cancelled = True
            break
    rate = total / max(time.perf_counter() - began, 1e-9)
    _answer(
        "done", request.id, tokens=total, log_probability_nats=nats, tokens_per_second=round(rate, 1),
        cancelled=cancelled,
    )  # fmt: skip


def _answer(event: str, request_id: int | None, **values: Any) -> None:
    record = {"event": event, **({} if request_id is None else {"id": request_id}), **values}
    sys.stdout.buffer.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
