"""Those that answer prompts: each a run or one of its checkpoints, with a transcript and a sampling process."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import Static

from rnnbench.runs.slashes import SampleRequest
from rnnbench.tui import comparison_table
from rnnbench.tui.fitting import middle_cut
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
    TokensArrived,
)
from rnnbench.tui.panes import answer_notes
from rnnbench.tui.panes.answer_notes import Note
from rnnbench.tui.panes.throttle import Throttle, pace_of
from rnnbench.tui.panes.transcript import WRONG, Transcript
from rnnbench.tui.preferences import preferences_of
from rnnbench.tui.sampler import Sampler
from rnnbench.tui.words import tr
from rnnbench.visible import visible
from rnnbench.workspace import Workspace

_TITLE_FRAME = 4  # cells of a title that are not the name: its padding, the sign and a space
LET_GO_SECONDS = 0.1
"""So long a cancelled answer may take to end by itself, before it is left to end unseen."""
IDLE, ASKING, WRITING = "idle", "asking", "writing"
_NARROWEST, _WIDE_ENOUGH = 30, 44  # cells for an answer beside another: at the least, and as it should be
_LOWEST = 5  # rows: a title, three lines of a text, its note
_ROOMY = 12  # rows in which a note may take several


@dataclass(frozen=True)
class Speaker:
    """Who answers: a run of a task, at a checkpoint of its own or at the one that is wished for."""

    run: str
    task: str
    checkpoint: str | None = None

    @property
    def label(self) -> str:
        """What it is called on the screen."""
        return self.run if self.checkpoint is None else f"{self.run}@{self.checkpoint}"


class Voice(Vertical):
    """What a speaker makes of the prompts. The sampling process starts with the first of them."""

    class Moved(Message):
        """A voice began to ask, to write, or ended."""

    def __init__(self, workspace: Workspace, speaker: Speaker | None = None, index: int | None = None) -> None:
        super().__init__(classes="voice")
        self.transcript = Transcript()
        self.text = ""
        self.wrote: Speaker | None = None  # whose the text is: another one may be asked next
        self.doing = IDLE
        self._workspace, self._index = workspace, index
        self._speaker = speaker
        self._sampler = self._make_sampler()
        self._request: int | None = None
        self._last: int | None = None
        self._begun: SampleBegun | None = None
        self._beside = False
        self._unseen: list[str] = []
        self._painting = Throttle(self, 0.0, self._paint)
        self._answered = False

    def compose(self) -> ComposeResult:
        if self._index is not None:
            yield Static("", classes="voice-title", markup=False)
        yield self.transcript

    def on_resize(self, event: Resize) -> None:
        """Two long names are told apart by their ends: it is the middle that gives way."""
        if self._index is not None and self._speaker is not None:
            sign = (comparison_table.sign(self._index), comparison_table.STYLES[self._index])
            name = middle_cut(visible(self._speaker.label), event.size.width - _TITLE_FRAME)
            self.query_one(".voice-title", Static).update(Content.assemble(sign, " ", name))

    def on_mount(self) -> None:
        """The sampler sends ten pieces a second: what a slow line cannot take is drawn together."""
        if preferences_of(self).slow_link:
            self._painting = Throttle(self, pace_of(self).words, self._paint)

    def on_unmount(self) -> None:
        self._close()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._request is not None

    @property
    def speaker(self) -> Speaker | None:
        """Who answers here."""
        return self._speaker

    def speak_for(self, speaker: Speaker | None) -> None:
        """Answer for somebody else from now on; the same run keeps its warm process."""
        same = speaker is not None and self._speaker is not None and speaker.run == self._speaker.run
        self._speaker = speaker
        if not same:
            self._close()
            self._sampler = self._make_sampler()

    def _make_sampler(self) -> Sampler | None:
        return Sampler(self, self._workspace, self._speaker.run) if self._speaker is not None else None

    def _close(self) -> None:
        if self._sampler is not None:
            self._sampler.close()
        self._sampler, self._request, self._last, self._begun, self.doing = None, None, None, None, IDLE

    def ask(self, request: SampleRequest) -> None:
        """Answer a prompt, as far as the settings mean something to the run's task."""
        if self._speaker is None or self._sampler is None:
            return
        self.text, self._answered, self._begun, self._unseen = request.prompt, False, None, []
        self.wrote = self._speaker
        self._beside = (request.count or 1) > 1
        self.transcript.begin(request.prompt)
        checkpoint = self._speaker.checkpoint or request.checkpoint
        self._request = self._sampler.ask(replace(request, task=self._speaker.task, checkpoint=checkpoint))
        self._last = self._request
        self._move(ASKING)

    def cancel(self) -> None:
        """Stop the writing: at once for the eye, also where the process cannot stop so soon."""
        if self._request is not None and self._sampler is not None:
            self._sampler.cancel()
            request = self._request
            self.set_timer(LET_GO_SECONDS, lambda: self._let_go(request))

    def _let_go(self, request: int) -> None:
        if request == self._request:
            self._last = None
            self._finish_with(answer_notes.of_stopped(self._begun))

    def _move(self, doing: str) -> None:
        self.doing = doing
        self.post_message(self.Moved())

    def _is_current(self, request_id: int | None) -> bool:
        return self._request is not None and request_id in (None, self._request)

    @on(SamplerReady)
    def _ready(self, event: SamplerReady) -> None:
        event.stop()

    @on(SampleBegun)
    def _sample_begun(self, event: SampleBegun) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._begun = event
            self._move(WRITING)

    @on(TokensArrived)
    def _tokens_arrived(self, event: TokensArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self.text += event.text
            self._unseen.append(event.text)
            self._painting.touch()

    def _paint(self) -> None:
        """Show what has come since the last time."""
        if self._unseen:
            unseen, self._unseen = "".join(self._unseen), []
            self.transcript.extend(unseen)

    @on(FillingArrived)
    def _filling_arrived(self, event: FillingArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._take_answer(event.text, f"{event.probability:6.1%}  {event.text}")

    @on(AnswerArrived)
    def _answer_arrived(self, event: AnswerArrived) -> None:
        event.stop()
        if self._is_current(event.request_id):
            nats = tr("{n} nats", n=f"{event.log_probability_nats:.2f}")
            beside = f"  ({nats})" if self._beside else ""
            self._take_answer(event.text, f"-> {event.text or tr('(nothing)')}{beside}")

    def _take_answer(self, text: str, line: str) -> None:
        """Show an answer on a line of its own; the first, which is the best, is what can be copied and saved."""
        self.text, self._answered = (self.text if self._answered else text), True
        self.transcript.extend(f"\n{line}")

    @on(AnswersEnded)
    def _answers_ended(self, event: AnswersEnded) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._finish_with(answer_notes.of_answers(event, self._begun))

    @on(SampleEnded)
    def _sample_ended(self, event: SampleEnded) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._finish_with(answer_notes.of_sample(event, self._begun))

    @on(NoveltyMeasured)
    def _novelty_measured(self, event: NoveltyMeasured) -> None:
        event.stop()
        if event.request_id == self._last:
            note = answer_notes.of_novelty(event)
            self.transcript.add_to_note(note.text, note.parts)

    @on(SamplerRemarked)
    def _remarked(self, event: SamplerRemarked) -> None:
        event.stop()
        if event.request_id == self._last:
            self.transcript.add(event.message, WRONG)

    @on(SamplerFailed)
    def _sampler_failed(self, event: SamplerFailed) -> None:
        event.stop()
        if self._is_current(event.request_id):
            self._paint()
            self.transcript.add(event.message, WRONG)
            self._end()

    def _finish_with(self, note: Note) -> None:
        self._paint()
        self.transcript.add_note(note.text, note.parts)
        self._end()

    def _end(self) -> None:
        self._request, self._begun = None, None
        self._move(IDLE)


def told_of_doing(voices: Sequence[Voice]) -> str:
    """What some voices are at, in a few words."""
    doing = {voice.doing for voice in voices} - {IDLE}
    if not doing:
        return ""
    return tr("writing, Esc stops") if WRITING in doing else tr("asking ...")


class Voices(Container):
    """Several speakers, as many beside each other as can be read and the others below; texts before notes."""

    def __init__(self, workspace: Workspace, speakers: Sequence[Speaker]) -> None:
        super().__init__(classes="voices")
        self._workspace, self._speakers = workspace, tuple(speakers)

    def compose(self) -> ComposeResult:
        for index, speaker in enumerate(self._speakers):
            yield Voice(self._workspace, speaker, index)

    def on_resize(self, event: Resize) -> None:
        """As many columns as the width asks for; where there is little room, a note for each in one line."""
        columns, rows = arranged(len(self._speakers), event.size.width, event.size.height)
        high = max(event.size.height // rows, _LOWEST)
        self.styles.grid_size_columns = columns
        self.styles.grid_rows = "1fr" if high * rows <= event.size.height else str(_LOWEST)
        for voice in self.all:
            voice.transcript.keep_notes_brief(high < _ROOMY)

    @property
    def speakers(self) -> tuple[Speaker, ...]:
        """Who answers."""
        return self._speakers

    @property
    def all(self) -> list[Voice]:
        """Each of them."""
        return list(self.query(Voice))


def arranged(count: int, width: int, height: int) -> tuple[int, int]:
    """Columns and rows for so many voices in so many cells: one under the other rather than beside each other in
    columns that are hard to read, unless each would be lower than a title, some text and a note."""
    columns = min(count, max(width // _WIDE_ENOUGH, 1))
    while -(-count // columns) * _LOWEST > height and (columns + 1) * _NARROWEST <= width and columns < count:
        columns += 1
    return columns, -(-count // columns)
