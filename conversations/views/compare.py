"""Two runs of a call side by side: what each heard, aligned by time, with the words in which they differ."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from conversations.models import Conversation, User
from conversations.runs import Run, open_runs_of
from conversations.views.scope import call_of
from pipeline.documents import Transcript, Utterance

MARKS = re.compile(r"[^\w\s]+")


class Said(NamedTuple):
    """A word, and whether the other run has it too."""

    text: str
    shared: bool


@dataclass(frozen=True)
class Line:
    """What one speaker says in one run, with marks where the other run has it otherwise."""

    start: float
    speaker: str
    spoken: SafeString


@dataclass
class Block:
    """A stretch of the call in which both runs heard something, or one of them; ``same``: in the same words."""

    start: float
    end: float
    left: list[Utterance] = field(default_factory=list)
    right: list[Utterance] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A stretch side by side. ``missing`` and ``added`` count the words that only the left or the right run has."""

    start: float
    left: Sequence[Line]
    right: Sequence[Line]
    missing: int
    added: int

    @property
    def same(self) -> bool:
        """Whether both heard the same words."""
        return not self.missing and not self.added


@login_required
@require_safe
def compare(request: HttpRequest, id: UUID) -> HttpResponse:
    """Two runs, by default the last two; ``?changed=1`` leaves out what is the same in both."""
    conversation = call_of(request, id)
    runs = comparable_runs(conversation, request.user)
    left, right = chosen(runs, request.GET.get("left", ""), request.GET.get("right", ""))
    context = {
        "conversation": conversation,
        "runs": runs,
        "left": left,
        "right": right,
        "changed": "changed" in request.GET,
    }
    if left and right and left.transcript and right.transcript:
        rows = rows_of(left.transcript, right.transcript)
        context |= {
            "rows": [each for each in rows if not (context["changed"] and each.same)],
            "missing": sum(each.missing for each in rows),
            "added": sum(each.added for each in rows),
        }
    return render(request, "parley/call/compare.html", context)


def comparable_runs(conversation: Conversation, user: User) -> list[Run]:
    """The runs that have a transcript and are open to who asks; none are read where there is but one."""
    runs = [each for each in open_runs_of(conversation, user) if each.transcript_blob]
    return [each for each in runs if each.transcript] if len(runs) > 1 else runs


def chosen(runs: Sequence[Run], left: str, right: str) -> tuple[Run | None, Run | None]:
    """The two runs that an address names; the last two where it names none."""
    by_id = {str(each.id): each for each in runs}
    before, last = (*([None] * 2), *runs)[-2:]
    return by_id.get(left, before), by_id.get(right, last)


def rows_of(left: Transcript, right: Transcript) -> list[Row]:
    """Two transcripts in stretches, in order of time."""
    return [row_of(each) for each in blocks_of(left, right)]


def blocks_of(left: Transcript, right: Transcript) -> list[Block]:
    """Utterances of both that overlap in time, together; channel by channel where both tell the same ones apart."""
    sides = [(0, each) for each in left.utterances] + [(1, each) for each in right.utterances]
    channels = [{each.channel for each in side.utterances} for side in (left, right)]
    apart = channels[0] == channels[1]
    blocks: list[Block] = []
    last: dict[int, Block] = {}
    for side, utterance in sorted(sides, key=lambda each: (each[1].start, each[0])):
        lane = utterance.channel if apart else 0
        block = last.get(lane)
        if block is None or utterance.start >= block.end:
            block = last[lane] = Block(utterance.start, utterance.end)
            blocks.append(block)
        block.end = max(block.end, utterance.end)
        (block.right if side else block.left).append(utterance)
    return sorted(blocks, key=lambda each: each.start)


def row_of(block: Block) -> Row:
    """A stretch with its differences marked. Capitals and punctuation do not count."""
    words = [[word for each in side for word in each.text.split()] for side in (block.left, block.right)]
    shared: list[list[bool]] = [[False] * len(side) for side in words]
    matcher = SequenceMatcher(
        None, [plain(each) for each in words[0]], [plain(each) for each in words[1]], autojunk=False
    )
    for begin_left, begin_right, size in matcher.get_matching_blocks():
        shared[0][begin_left : begin_left + size] = [True] * size
        shared[1][begin_right : begin_right + size] = [True] * size
    return Row(
        start=block.start,
        left=list(lines_of(block.left, shared[0], "del")),
        right=list(lines_of(block.right, shared[1], "ins")),
        missing=shared[0].count(False),
        added=shared[1].count(False),
    )


def plain(word: str) -> str:
    """What is compared of a word; a mark that stands alone stays itself."""
    return MARKS.sub("", word).casefold() or word


def lines_of(utterances: Sequence[Utterance], shared: Sequence[bool], tag: str) -> Iterator[Line]:
    """The utterances of one side, each with its words marked."""
    place = 0
    for each in utterances:
        words = [Said(*pair) for pair in zip(each.text.split(), shared[place:], strict=False)]
        place += len(words)
        yield Line(each.start, each.speaker, marked(words, tag))


def marked(words: Sequence[Said], tag: str) -> SafeString:
    """Words as markup: those that the other run has not stand in one ``<del>`` or ``<ins>`` a stretch."""
    parts = []
    for shared, run in groupby(words, key=lambda word: word.shared):
        text = " ".join(word.text for word in run)
        markup = "{2}" if shared else '<{0}><span class="unseen">{1} </span>{2}</{0}>'
        parts.append(format_html(markup, tag, _("only here:"), text))
    return format_html_join(" ", "{}", ((part,) for part in parts))
