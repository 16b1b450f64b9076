"""What the player draws over the waveform: hatching where the audio is redacted, marks where tags have evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conversations.models import Conversation, Redaction
from conversations.views.tags import TagLine
from conversations.views.transcript import lanes


@dataclass(frozen=True)
class Hatch:
    """A redacted stretch: its place and width in percent of the call, and of the height for its lane."""

    x: str
    width: str
    y: str
    height: str
    label: str


@dataclass(frozen=True)
class Mark:
    """A moment that is evidence for a tag."""

    x: str
    name: str
    start: float
    utterance: int


@dataclass(frozen=True)
class Picture:
    """The player's lanes. ``channels`` are the audio channels from the top, ``speakers`` who is heard on them."""

    channels: Sequence[int]
    speakers: Sequence[str]
    hatches: Sequence[Hatch]
    marks: Sequence[Mark]


def picture_of(conversation: Conversation, tags: Iterable[TagLine]) -> Picture:
    """What is drawn for a call. Positions are strings, since a number in a template is written the reader's way."""
    speakers = dict(conversation.utterances.order_by().values_list("channel", "speaker").distinct())
    lane_of = lanes(speakers)
    duration = conversation.duration or 1.0
    channels = sorted(lane_of, key=lane_of.__getitem__)
    return Picture(
        channels=channels,
        speakers=[speakers[channel] for channel in channels],
        hatches=[hatch(each, lane_of, duration) for each in conversation.redactions.all()],
        marks=[mark for each in tags for mark in marks_of(each, duration)],
    )


def hatch(redaction: Redaction, lane_of: dict[int, int], duration: float) -> Hatch:
    """A stretch in the lane of its channel."""
    height = 100 / max(len(lane_of), 1)
    return Hatch(
        x=share(redaction.start, duration),
        width=share(redaction.end - redaction.start, duration),
        y=f"{height * lane_of.get(redaction.channel, 0):.2f}%",
        height=f"{height:.2f}%",
        label=redaction.label,
    )


def marks_of(line: TagLine, duration: float) -> list[Mark]:
    """The moments that speak for a tag."""
    return [Mark(share(each.start, duration), line.tag.name, each.start, each.utterance) for each in line.evidence]


def share(seconds: float, duration: float) -> str:
    """Seconds as a percentage of the call."""
    return f"{min(max(seconds / duration, 0.0), 1.0) * 100:.3f}%"
