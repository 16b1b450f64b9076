"""How far a batch is, in numbers and in words. Plain values in, plain values out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from uuid import UUID

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import words
from conversations.models import Conversation
from conversations.stages import CASCADE, Stage, StageState

Status = Conversation.Status
Stages = Mapping[UUID, Sequence[Stage]]

WEIGHTS = {
    "transcription": 0.6, "entity_tagging": 0.1, "anonymization": 0.1, "audio_redaction": 0.1, "qualification": 0.1,
}  # fmt: skip
"""What part of the work on a call each stage is, about; writing down takes most of it."""

RECENT = timedelta(minutes=5)
SHORTEST_GUESS = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stage's part of the bar. ``start``, ``width``, ``done`` and ``failed`` are percentages of the whole bar."""

    name: str
    start: float
    width: float
    done: float
    failed: float
    calls: int

    @property
    def failed_start(self) -> float:
        """Where the failed part begins: the end of the segment, from behind."""
        return self.start + self.width - self.failed


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a batch is. ``seconds_left`` is None while there is nothing to guess from."""

    segments: list[Segment]
    total: int
    done: int
    failed: int
    percent: int
    seconds_left: float | None

    @property
    def to_come(self) -> int:
        """Calls that are neither done nor failed."""
        return self.total - self.done - self.failed

    @property
    def said(self) -> str:
        """The whole in a sentence."""
        if not self.total:
            return _("No call was taken in.")
        text = _("%(done)d of %(total)d calls done") % {"done": self.done, "total": self.total}
        if self.failed:
            text += ", " + ngettext("%(count)d failed", "%(count)d failed", self.failed) % {"count": self.failed}
        return text + "."


def measure(calls: Sequence[Conversation], stages: Stages, now: datetime) -> Progress:
    """How far calls are, each counting as its audio is long (one not yet measured as the others on average)."""
    shares = shares_of(calls)
    segments, start = [], 0.0
    for place, service in enumerate(CASCADE):
        segment = measure_stage(service, start, [(call, shares[call.id], stages[call.id][place]) for call in calls])
        segments.append(segment)
        start += segment.width
    done = sum(call.status in (Status.COMPLETED, Status.QUARANTINED) for call in calls)
    failed = sum(call.status == Status.FAILED for call in calls)
    settled = sum(segment.done + segment.failed for segment in segments)
    return Progress(
        segments=segments, total=len(calls), done=done, failed=failed,
        percent=100 if calls and done + failed == len(calls) else min(int(settled), 99),
        seconds_left=guess_seconds_left(calls, stages, shares, now),
    )  # fmt: skip


def shares_of(calls: Iterable[Conversation]) -> dict[UUID, float]:
    """What part of the batch each call is; in sum 1."""
    known = {call.id: call.duration for call in calls}
    usual = fmean([length for length in known.values() if length] or [1.0])
    whole = sum(length or usual for length in known.values())
    return {id: (length or usual) / whole for id, length in known.items()}


def measure_stage(service: str, start: float, calls: Sequence[tuple[Conversation, float, Stage]]) -> Segment:
    """A stage's part of the bar."""
    width = 100 * WEIGHTS[service]
    return Segment(
        name=words.stage_name(service), start=start, width=width,
        done=width * sum(share * stage.progress for call, share, stage in calls if not is_lost(call, stage)),
        failed=width * sum(share for call, share, stage in calls if is_lost(call, stage)),
        calls=sum(stage.state == StageState.DONE for _call, _share, stage in calls),
    )  # fmt: skip


def is_lost(call: Conversation, stage: Stage) -> bool:
    """Whether a stage of a failed call will not be reached."""
    return call.status == Status.FAILED and stage.state != StageState.DONE


def guess_seconds_left(
    calls: Sequence[Conversation], stages: Stages, shares: Mapping[UUID, float], now: datetime
) -> float | None:
    """How long the rest takes, at the pace of the last minutes."""
    work = [
        (shares[call.id] * WEIGHTS[stage.service], stage, call)
        for call in calls
        for stage in stages[call.id]
        if stage.service in WEIGHTS
    ]
    left = sum(size * (1 - stage.progress) for size, stage, call in work if not is_finished(call))
    begun = [stage.started_at for _size, stage, _call in work if stage.started_at]
    if not left or not begun or now - min(begun) < SHORTEST_GUESS:
        return None
    since = max(min(begun), now - RECENT)
    lately = sum(size * stage.progress * part_since(stage, since, now) for size, stage, _call in work)
    return left / lately * (now - since).total_seconds() if lately else None


def part_since(stage: Stage, since: datetime, now: datetime) -> float:
    """What part of a stage's work fell into the time since a moment, from 0 to 1."""
    if stage.started_at is None:
        return 0.0
    ended = stage.ended_at or now
    took = (ended - stage.started_at).total_seconds()
    inside = (ended - max(stage.started_at, since)).total_seconds()
    return min(max(inside, 0.0) / took, 1.0) if took > 0 else float(ended >= since)


def is_finished(call: Conversation) -> bool:
    """Whether nothing more happens to a call by itself."""
    return call.status in (Status.COMPLETED, Status.QUARANTINED, Status.FAILED)


def standing(call: Conversation, stages: Sequence[Stage]) -> str:
    """Where a call is, in a few words."""
    if call.status in (Status.COMPLETED, Status.QUARANTINED):
        return capfirst(call.get_status_display())
    if call.status == Status.FAILED:
        return _("Failed at: %(step)s") % {"step": step(call.failure_service)}
    for stage in stages:
        if stage.state == StageState.RUNNING:
            share = f" {int(100 * stage.progress)} %" if stage.progress_total else ""
            return f"{capfirst(step(stage.service))}{share}"
    waiting = next((stage for stage in stages if stage.state != StageState.DONE), None)
    return _("Waiting for: %(step)s") % {"step": step(waiting.service)} if waiting else _("Finishing")


def step(service: str) -> str:
    """What a stage does."""
    return words.step_name(service)
