"""What people have hidden in a call, in all its runs: it stays hidden when the call is processed again."""

from conversations.models import Conversation, RedactionCorrection
from pipeline.documents import HiddenBefore

Kind = RedactionCorrection.Kind


def hidden_before(conversation: Conversation) -> tuple[HiddenBefore, ...]:
    """Where people have hidden words of a call, but for what one has shown again later, all of it.

    What was shown otherwise is not carried over: words of another run are other words.
    """
    made = RedactionCorrection.objects.filter(review__conversation=conversation).order_by(
        "made_at", "utterance", "first"
    )
    stretches: list[HiddenBefore] = []
    for each in made:
        if each.kind == Kind.HIDE:
            stretches.append(HiddenBefore(label=each.label, channel=each.channel, start=each.start, end=each.end))
        else:
            stretches = [it for it in stretches if not covers(each, it)]
    return tuple(stretches)


def covers(shown: RedactionCorrection, hidden: HiddenBefore) -> bool:
    """Whether a person showed all of a hidden stretch."""
    return shown.channel == hidden.channel and shown.start <= hidden.start and hidden.end <= shown.end
