"""Filters for pages: durations, words for what programs say, and parts of pictures."""

import math
from datetime import datetime

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from conversations import transcripts, words
from conversations.models import Conversation

register = template.Library()

FORMATS = {"medium": "j M Y, H:i", "long": "j F Y, H:i", "time": "H:i:s", "second": "j M, H:i:s"}

register.filter("flag_sentence", words.flag_sentence)
register.filter("utterance_flag_sentence", words.utterance_flag_sentence)
register.filter("label_name", words.label_name)
register.filter("cause_name", words.cause_name)
register.filter("quarantine_sentence", words.quarantine_sentence)
register.filter("language_name", words.language_name)
register.filter("speaker_name", words.speaker_name)
register.filter("stage_name", words.stage_name)


@register.filter
def clock(seconds: float | None) -> str:
    """A duration or a moment of a call: 4:05, 1:02:03; "" when it is not known."""
    return "" if seconds is None else transcripts.clock(seconds)


@register.filter
def took(seconds: float | None) -> str:
    """How long work took: 0.4 s, 12 s, 4:05."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 60 else clock(seconds)


@register.filter
def percent(share: float | None) -> str:
    """A share of one as a whole percentage: 98 %."""
    return "" if share is None else f"{math.floor(share * 100 + 0.5)}\N{NO-BREAK SPACE}%"


@register.filter
def moment(when: datetime | None, parts: str = "") -> SafeString | str:
    """A time, which a script puts in the reader's zone and to which it adds the exact one for hovering.

    ``parts`` is "long" to spell the date out, "time" for the time of day alone, "second" for the day and the second.
    """
    if when is None:
        return ""
    style = parts if parts in FORMATS else "medium"
    shown = date_format(localtime(when), FORMATS[style])
    return format_html('<time datetime="{}" data-style="{}">{} UTC</time>', when.isoformat(), style, shown)


@register.filter
def plain(number: float | None) -> str:
    """A number for programs: with a point, whatever the reader's language."""
    if number is None or number == "":
        return ""
    return str(number) if isinstance(number, int) else f"{number:.2f}"


@register.filter
def agent_name(conversation: Conversation) -> str:
    """The agent's name, or what stands for it."""
    return conversation.agent or words.speaker_name("agent")


@register.filter
def other_name(conversation: Conversation) -> str:
    """Who the agent speaks with."""
    others = [each for each in conversation.speakers if each not in ("agent", "speaker")] or ["customer"]
    return ", ".join(map(words.speaker_name, others))
