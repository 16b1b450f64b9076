"""How far calls are, as pages show it: the steps with their times, what goes on now, what went wrong before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from conversations import words
from conversations.ledger.models import Attempt
from conversations.models import Conversation
from conversations.stages import Stage, StageState
from conversations.templatetags.parley import percent

FINISHED = (Conversation.Status.COMPLETED, Conversation.Status.FAILED, Conversation.Status.QUARANTINED)
ENDED_WELL = ("", "done")


@dataclass(frozen=True)
class Bar:
    """A step and its place in the run, in percent; no place while it waits."""

    stage: Stage
    state: str
    share: str
    x: str
    width: str


@dataclass(frozen=True)
class Progress:
    """Where a call stands. ``sentence`` is what goes on now, ``announcement`` the same without figures.

    ``share`` of all steps is done, in percent. A call that is ``finished`` may still be ``moving``: its speakers were
    swapped, say, and its tags are given anew.
    """

    bars: Sequence[Bar]
    share: str
    finished: bool
    moving: bool
    sentence: str
    announcement: str
    failure: str


@dataclass(frozen=True)
class Mishap:
    """An attempt that failed, whatever became of its step later."""

    step: str
    number: int
    at: datetime | None
    sentence: str


def progress_of(conversation: Conversation, stages: Sequence[Stage]) -> Progress:
    """Where a call stands."""
    status = conversation.status
    failure = ""
    if status == Conversation.Status.FAILED:
        failure = words.failure_sentence(conversation.failure_code, conversation.failure_service)
    running = [each for each in stages if each.state == StageState.RUNNING]
    return Progress(
        bars=bars_of(stages),
        share=f"{sum(each.progress for each in stages) / len(stages) * 100:.0f}%",
        finished=status in FINISHED,
        moving=status not in FINISHED or any(each.owed for each in stages),
        sentence=sentence(conversation, running, figures=True),
        announcement=sentence(conversation, running, figures=False),
        failure=failure,
    )


def sentence(conversation: Conversation, running: Sequence[Stage], *, figures: bool) -> str:
    """What goes on now, for people."""
    if conversation.status in FINISHED:
        return capfirst(conversation.get_status_display())
    if not running:
        return _("Waiting for its turn")
    steps = []
    for stage in running:
        step = str(words.STEPS.get(stage.service, words.spelled_out(stage.service)))
        steps.append(", ".join([step, *figures_of(stage)]) if figures else step)
    return capfirst("; ".join(steps))


def figures_of(stage: Stage) -> list[str]:
    """How much of a step is done and how long it will still take, as far as that is known."""
    figures = [percent(stage.progress)] if stage.progress_total else []
    return figures if stage.seconds_left is None else [*figures, words.time_left(stage.seconds_left)]


def bars_of(stages: Sequence[Stage]) -> list[Bar]:
    """The steps on one time line, from the start of the first to the end of the last."""
    starts = [each.started_at for each in stages if each.started_at]
    ends = [each.ended_at for each in stages if each.ended_at]
    begin = min(starts, default=None)
    span = (max([*ends, *starts]) - begin).total_seconds() if begin else 0.0
    return [bar_of(each, begin, span) for each in stages]


def bar_of(stage: Stage, begin: datetime | None, span: float) -> Bar:
    """One step on a time line of ``span`` seconds."""
    share = f"{stage.progress * 100:.1f}%"
    if begin is None or stage.started_at is None or stage.ended_at is None or not span:
        return Bar(stage, stage.state, share, "", "")
    x = (stage.started_at - begin).total_seconds() / span
    width = max(stage.seconds or 0.0, 0.0) / span
    return Bar(stage, stage.state, share, f"{x * 100:.2f}%", f"{max(width * 100, 0.5):.2f}%")


def mishaps_of(conversation: Conversation) -> list[Mishap]:
    """The attempts of the current run that failed, in order."""
    attempts = (
        Attempt.objects.filter(delivery__correlationid=conversation.run)
        .exclude(outcome__in=ENDED_WELL)
        .select_related("delivery")
        .order_by("id")
    )
    return [
        Mishap(
            step=words.stage_name(each.delivery.service),
            number=each.number,
            at=each.ended_at,
            sentence=words.failure_sentence(each.outcome, each.delivery.service),
        )
        for each in attempts
    ]
