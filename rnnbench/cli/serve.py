"""`sample --serve`: JSON lines in; tokens, fillings or answers out; keeps the model warm, ends with its parent."""

import json
import queue
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from rnnbench.cli import answers
from rnnbench.cli.copying import CopyMeter
from rnnbench.engine import beams, checkpoints
from rnnbench.engine.beams import BeamChoices
from rnnbench.engine.bidirectional import ClozeModel
from rnnbench.engine.filling import fill
from rnnbench.engine.loading import LoadedModel, open_model
from rnnbench.engine.models import LanguageModel
from rnnbench.engine.sampling import Decoding, generate, ids_before
from rnnbench.errors import CheckpointError, RnnbenchError, UsageError
from rnnbench.runs.asking import Sampling, Unknown, asking, refuse_others, refuse_unknown
from rnnbench.runs.slash_values import NoveltyWish
from rnnbench.runs.store import Run
from rnnbench.workspace import Workspace

_FILLINGS = 5


class Request(Sampling):
    """One line of input: a prompt to continue, fill or answer, or `cancel` for the request of that id.

    What means nothing to the task of the run must be left out.
    """

    id: int
    prompt: str = ""
    seed: int | None = Field(None, ge=0, lt=2**63)
    count: int | None = Field(None, ge=1, le=1000)
    beam: int = Field(1, ge=1, le=1000)
    length_penalty: float = Field(1.0, ge=0, le=10)
    like_source: bool = False
    unknown: Unknown = "replace"
    novelty: NoveltyWish = False
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

    def left(self, request: Request) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.closed or request.id in self.cancelled

    def check_idle(self) -> None:
        """Raise _Interrupted when somebody waits for something more urgent, or nobody for anything."""
        if self.closed or not self.requests.empty():
            raise _Interrupted


class _Interrupted(Exception):
    """What was done beside the answers is not wanted any more."""


def _id_in(line: bytes) -> int:
    try:
        return int(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # id: Infinity; a line of brackets
        return 0


def serve(workspace: Workspace, run: Run) -> None:
    """Answer requests until stdin closes. The first event says what the run can be asked."""
    task = run.config().model.task
    inbox = Inbox()
    threading.Thread(target=inbox.read, daemon=True).start()
    _answer("ready", None, run=run.name, task=task, does=asking(task).does, options=list(_options(task)))
    loaded: tuple[str, LoadedModel] | None = None
    meter = CopyMeter(workspace, run)
    while (request := inbox.requests.get()) is not None:
        try:
            _check(task, request)
            loaded = _model(run, request.checkpoint, loaded)
            ids = _WRITERS[task](loaded[1], request, inbox)
        except RnnbenchError as error:
            _answer("error", request.id, message=str(error))
        else:
            _compare(meter, loaded[1], request, ids, inbox)


def _compare(meter: CopyMeter, model: LoadedModel, request: Request, ids: list[int], inbox: Inbox) -> None:
    """Say how much of a text was copied, after it was done; the next request ends the search."""
    if not ids or inbox.left(request) or not meter.wanted(request.novelty):
        return
    try:
        found = meter.measure(model, ids, inbox.check_idle)
    except _Interrupted:
        return
    except RnnbenchError as error:
        if request.novelty is True:  # who did not ask for it need not hear that it cannot be had
            _answer("remark", request.id, message=str(error))
        return
    measured = found.novelty
    shares = {str(n): share for n, share in enumerate(measured.novel_shares, 1)}
    _answer(
        "novelty", request.id, tokens=measured.tokens, longest_copied=measured.copied, unit=found.unit,
        memorised=measured.memorised, novel_shares=shares,
    )  # fmt: skip


def _options(task: str) -> tuple[str, ...]:
    """What a request may hold; a language model writes one text for each, and no prompt before it."""
    left_out = ("count", "from_corpus", "echo") if task == "language_model" else ()
    return tuple(name for name in asking(task).options if name not in left_out)


def _check(task: str, request: Request) -> None:
    refuse_others(task, sorted(request.model_fields_set))
    if task == "language_model" and request.count is not None:
        raise UsageError("count means nothing to a language_model run here", "send a request for each text")


def _model(run: Run, checkpoint: str, loaded: tuple[str, LoadedModel] | None) -> tuple[str, LoadedModel]:
    """The model of the wished checkpoint; `best` and `last` move while a run goes on, so they are looked up anew."""
    for last_try in (False, True):
        digest = checkpoints.choose_trained(run.checkpoints, checkpoint).sha256
        if loaded is not None and loaded[0] == digest:
            return loaded
        try:
            return digest, open_model(run, checkpoint)
        except CheckpointError:  # the trainer may have replaced it between the choice and the reading
            if last_try or checkpoints.choose_trained(run.checkpoints, checkpoint).sha256 == digest:
                raise
    raise AssertionError("the second try returns or raises")


def _continue(model: LoadedModel, request: Request, inbox: Inbox) -> list[int]:
    """A text, token by token; its ids."""
    assert isinstance(model.network, LanguageModel)
    if request.beam > 1:
        return _search(model, model.network, request, inbox)
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    prompt = _begin(model, request, seed)
    decoding = Decoding(**request.model_dump(include=set(Sampling.model_fields)), seed=seed)
    began, ids, nats, cancelled = time.perf_counter(), list[int](), 0.0, False
    for token in generate(model.network, model.vocabulary, prompt, decoding):
        ids.append(token.id)
        nats += token.log_probability_nats
        _answer("token", request.id, text=token.text)
        if inbox.left(request):
            cancelled = True
            break
    _wrote(request, len(ids), nats, time.perf_counter() - began, cancelled=cancelled)
    return ids


def _search(model: LoadedModel, network: LanguageModel, request: Request, inbox: Inbox) -> list[int]:
    """The likeliest text that a beam finds, told at once; what is said of drawing does not matter."""
    prompt, began = _begin(model, request, None), time.perf_counter()
    choices = BeamChoices(request.beam, request.length, request.length_penalty, request.stop, request.banned)
    before = ids_before(model.vocabulary, prompt)
    found = [] if inbox.left(request) else beams.search(network, model.vocabulary, before, choices)
    tokens, nats = (found[0].tokens, found[0].log_probability_nats) if found else (0, 0.0)
    if found:
        _answer("token", request.id, text=found[0].text)
    _wrote(request, tokens, nats, time.perf_counter() - began, cancelled=not found)
    return model.vocabulary.encode(found[0].text) if found else []


def _wrote(request: Request, tokens: int, nats: float, seconds: float, *, cancelled: bool) -> None:
    rate = round(tokens / max(seconds, 1e-9), 1)
    _answer(
        "done", request.id, tokens=tokens, log_probability_nats=nats, tokens_per_second=rate, cancelled=cancelled
    )  # fmt: skip


def _fill(model: LoadedModel, request: Request, inbox: Inbox) -> list[int]:
    began, prompt = time.perf_counter(), _begin(model, request, None)
    assert isinstance(model.network, ClozeModel)
    found = [] if inbox.left(request) else fill(model.network, model.vocabulary, prompt, count=_count(request))
    for filling in found:
        _answer("filling", request.id, text=filling.text, pieces=filling.pieces, probability=filling.probability)
    _done(request, len(found), began)
    return []


def _reply(model: LoadedModel, request: Request, inbox: Inbox) -> list[int]:
    began, prompt = time.perf_counter(), _begin(model, request, None)
    wanted = answers.Wanted(request.count or 1, request.beam, request.like_source, request.length_penalty)
    found = [] if inbox.left(request) else answers.answers_to(model, prompt, wanted)
    for one in found:
        _answer("answer", request.id, text=one.text, tokens=one.tokens, log_probability_nats=one.log_probability_nats)
    _done(request, len(found), began)
    return []


_WRITERS = {"language_model": _continue, "cloze": _fill, "seq2seq": _reply}


def _count(request: Request) -> int:
    return request.count or _FILLINGS


def _begin(model: LoadedModel, request: Request, seed: int | None) -> str:
    """Say which checkpoint is asked and what of the prompt it does not know; the prompt as the model reads it."""
    prompt = model.read(request.prompt)
    refuse_unknown(model.unknown(prompt), request.unknown)
    _answer("begun", request.id, step=model.step, seed=seed, unknown=model.unknown(prompt)[:20])
    return prompt


def _done(request: Request, count: int, began: float) -> None:
    """Fillings and answers come all at once: none of them means that the request was cancelled before its turn."""
    seconds = round(time.perf_counter() - began, 4)
    _answer("done", request.id, answers=count, seconds=seconds, cancelled=not count)


def _answer(event: str, request_id: int | None, **values: Any) -> None:
    record = {"event": event, **({} if request_id is None else {"id": request_id}), **values}
    sys.stdout.buffer.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
