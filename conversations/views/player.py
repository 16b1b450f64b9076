"""What the player draws over the waveform: hatching where the audio is cut, who speaks, evidence of tags."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.text import capfirst

from conversations import words
from conversations.models import Conversation
from conversations.runs import read
from conversations.views.tags import TagLine
from conversations.views.transcript import Voice, lanes, voices_of
from pipeline.documents import Cause, Cut, Receipt

TURNS = 24  # percent of the height


@dataclass(frozen=True)
class Stretch:
    """A part of the picture: its place and size in percent of the call and of its height, and what it is.

    ``lane`` is the speaker's colour, where one speaks.
    """

    x: str
    width: str
    y: str
    height: str
    title: str
    lane: int = 0


@dataclass(frozen=True)
class Mark:
    """A moment that is evidence for a tag."""

    x: str
    name: str
    start: float
    utterance: int


@dataclass(frozen=True)
class Picture:
    """The player's lanes. ``channels`` are the audio channels from the top, ``speakers`` who is heard, by colour.

    ``turns`` tell who speaks when where speakers share a channel.
    """

    channels: Sequence[int]
    speakers: Sequence[str]
    hatches: Sequence[Stretch]
    turns: Sequence[Stretch]
    marks: Sequence[Mark]


def picture_of(conversation: Conversation, tags: Iterable[TagLine]) -> Picture:
    """What is drawn for a call. Positions are strings, since a number in a template is written the reader's way."""
    lane_of = lanes(voices_of(conversation))
    channels = list(dict.fromkeys(channel for channel, _speaker in lane_of))
    duration = conversation.duration or 1.0
    return Picture(
        channels=channels,
        speakers=[speaker for _channel, speaker in lane_of],
        hatches=hatches_of(conversation, channels, duration),
        turns=turns_of(conversation, lane_of, duration) if len(channels) < len(lane_of) else (),
        marks=[mark for each in tags for mark in marks_of(each, duration)],
    )


def hatches_of(conversation: Conversation, channels: Sequence[int], duration: float) -> list[Stretch]:
    """What is cut, in the lane of its channel; one lane stands for all channels where they sound the same."""
    place = {channel: lane for lane, channel in enumerate(channels)}
    height = 100 / max(len(channels), 1)
    return [
        Stretch(
            x=share(each.start, duration),
            width=share(each.end - each.start, duration),
            y=f"{height * place.get(each.channel, 0):.2f}%",
            height=f"{height:.2f}%",
            title=title_of(each),
        )
        for each in cuts_of(conversation)
        if each.channel in place or conversation.channels <= 1
    ]


def cuts_of(conversation: Conversation) -> Iterable[Cut]:
    """What is silent in the audio, by its receipt; of a call from before there were any, what was to be hidden."""
    receipt = read(conversation, conversation.receipt, Receipt)
    if receipt:
        return receipt.cuts
    return [
        Cut(channel=each.channel, start=each.start, end=each.end, cause=Cause.WORDS, label=each.label)
        for each in conversation.redactions.all()
    ]


def title_of(cut: Cut) -> str:
    """What is hidden, and why if it is not for its own words."""
    kind = capfirst(words.label_name(cut.label)) if cut.label else ""
    why = words.cause_name(cut.cause) if cut.cause != Cause.WORDS or not kind else ""
    return ": ".join(filter(None, (kind, why)))


def turns_of(conversation: Conversation, lane_of: Mapping[Voice, int], duration: float) -> list[Stretch]:
    """Who speaks when: a thin line a speaker at the foot of the picture."""
    height = TURNS / len(lane_of)
    rows = conversation.utterances.values_list("channel", "speaker", "start", "end")
    return [
        Stretch(
            x=share(start, duration),
            width=share(end - start, duration),
            y=f"{100 - TURNS + height * lane_of[channel, speaker]:.2f}%",
            height=f"{height:.2f}%",
            title=words.speaker_name(speaker),
            lane=lane_of[channel, speaker],
        )
        for channel, speaker, start, end in rows
    ]


def marks_of(line: TagLine, duration: float) -> list[Mark]:
    """The moments that speak for a tag."""
    return [Mark(share(each.start, duration), line.tag.name, each.start, each.utterance) for each in line.evidence]


def share(seconds: float, duration: float) -> str:
    """Seconds as a percentage of the call."""
    return f"{min(max(seconds / duration, 0.0), 1.0) * 100:.3f}%"
