"""Who the voices on one channel are, once a person has said it."""

from collections.abc import Sequence

from msgspec import structs

from pipeline.documents import Utterance


def share_a_channel(utterances: Sequence[Utterance]) -> bool:
    """Whether one channel carries all that is said, and several people say it."""
    return len({each.channel for each in utterances}) == 1 < len({each.speaker for each in utterances})


def named_by_voice(utterances: Sequence[Utterance], names: Sequence[str]) -> tuple[Utterance, ...]:
    """The utterances under the names of their speakers, given in the order in which these are heard.

    They stay as they are where there are not as many voices as names, on one channel.
    """
    voices = list(dict.fromkeys(each.speaker for each in utterances))
    if len(voices) != len(names) or not share_a_channel(utterances):
        return tuple(utterances)
    return tuple(structs.replace(each, speaker=names[voices.index(each.speaker)]) for each in utterances)
