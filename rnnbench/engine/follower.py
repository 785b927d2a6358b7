"""What every process but rank 0 does: build the same network, and take its share of each step until it may leave."""

import signal
from dataclasses import replace

from rnnbench.engine import fine_tuning
from rnnbench.engine.checkpoints import Checkpoint
from rnnbench.engine.control import Control
from rnnbench.engine.distributed import Group, Kind, Order, translated
from rnnbench.engine.launch import Place
from rnnbench.engine.session import Session
from rnnbench.engine.tasks.making import read_text
from rnnbench.engine.trainer import advance
from rnnbench.errors import CorpusError
from rnnbench.runs.store import RunStore
from rnnbench.workspace import Workspace

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def follow(place: Place, workspace: Workspace) -> int:
    """Do what rank 0 says, to the end; the exit code that it gives. Raises RnnbenchError; writes nothing to the run."""
    with translated():
        group = Group(place)
        for number in _SIGNALS:  # rank 0 is asked to stop, too; it needs the others to finish its step and save
            signal.signal(number, signal.SIG_IGN)
        session = _prepare(group, workspace)
        code = _obey(session, group)
        group.leave()
        return code


def _prepare(group: Group, workspace: Workspace) -> Session:
    """Build what rank 0 builds from the same text. Raises CorpusError when the text here is another one."""
    plan = group.listen()
    config, run = plan.config, RunStore(workspace).run(plan.run)
    path, known = workspace.find_corpus(config.corpus.file), fine_tuning.known_vocabulary(config, run, workspace)
    text = read_text(path, config, workspace.cache, lambda phase, done, total: None, known)
    if text.ids_digest != plan.ids_digest:
        raise CorpusError(f"{path} is not the text that rank 0 reads", "give every machine the same file")
    return Session.prepare(config, run, text, Control(), group)


def _obey(session: Session, group: Group) -> int:
    """The exit code that comes with the order to leave."""
    while (order := group.hear()).kind is not Kind.LEAVE:
        match order.kind:
            case Kind.STEP:
                _step(session, order)
            case Kind.GATHER:
                session.gather()
            case _:
                tensors = group.hand_round_tensors({})
                session.adopt(Checkpoint(tensors, session.position, session.origin()))
    return order.code


def _step(session: Session, order: Order) -> None:
    session.position = replace(session.position, step=order.step, clip_norm=order.clip_norm)
    advance(session, order.rate)
