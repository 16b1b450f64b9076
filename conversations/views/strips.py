"""The small picture of a call in the list: who spoke when, one line a speaker."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from conversations.models import Conversation, Utterance
from conversations.views.transcript import lanes

WIDTH = 400  # steps from the start of a call to its end, far finer than the picture is wide
LANES = 2


def strips_of(conversations: Iterable[Conversation]) -> dict[UUID, Sequence[str]]:
    """For each call that has a transcript: an SVG path a lane, 400 wide and 1 high."""
    durations = {each.id: each.duration for each in conversations if each.duration}
    said: dict[UUID, list[tuple[int, str, float, float]]] = defaultdict(list)
    rows = Utterance.objects.filter(conversation__in=durations).order_by("conversation_id", "index")
    for id, *utterance in rows.values_list("conversation_id", "channel", "speaker", "start", "end"):
        said[id].append(tuple(utterance))
    return {id: strip(utterances, durations[id]) for id, utterances in said.items()}


def strip(utterances: Sequence[tuple[int, str, float, float]], duration: float) -> Sequence[str]:
    """The paths of one call; speakers after the second share its line."""
    lane_of = lanes((channel, speaker) for channel, speaker, _start, _end in utterances)
    paths: list[list[str]] = [[] for _lane in range(min(len(lane_of), LANES))]
    for channel, speaker, start, end in utterances:
        x = round(start / duration * WIDTH)
        width = max(round(end / duration * WIDTH) - x, 1)
        paths[min(lane_of[channel, speaker], LANES - 1)].append(f"M{x} 0h{width}v1h-{width}z")
    return ["".join(path) for path in paths]
