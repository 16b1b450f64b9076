"""The proof of a redaction, as the page of a call shows it: what was cut, what was heard again, the verdict."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from conversations import words
from conversations.models import Conversation, RedactionReview
from conversations.runs import read
from pipeline.documents import Cut, Receipt, Verdict


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A receipt in words. ``kinds`` are labels with the number of their stretches, ``seconds`` those of all channels.

    ``review`` is what people did about it, in this run.
    """

    receipt: Receipt
    verdict: str
    kinds: Sequence[tuple[str, int]]
    seconds: float
    review: RedactionReview | None


def proof_of(conversation: Conversation) -> Proof | None:
    """The proof of a call; None before there is one, and when it is gone."""
    receipt = read(conversation, conversation.receipt, Receipt)
    if receipt is None:
        return None
    return Proof(
        receipt=receipt,
        verdict=verdict_of(receipt),
        kinds=Counter(each.label for each in receipt.cuts if each.label).most_common(),
        seconds=seconds_hidden(receipt.cuts),
        review=review_of(conversation),
    )


def review_of(conversation: Conversation) -> RedactionReview | None:
    """What a reviewer did about the current run."""
    return conversation.reviews.filter(run=conversation.run).select_related("reviewed_by").first()


def verdict_of(receipt: Receipt) -> str:
    """The verdict as a sentence."""
    if receipt.verdict != Verdict.PASSED:
        return words.quarantine_sentence(receipt.reason)
    if receipt.widened:
        return _("The audio was heard again where it was cut. Some cuts were made wider; then nothing was left.")
    return _("The audio was heard again where it was cut, and nothing personal was left.")


def seconds_hidden(cuts: Iterable[Cut]) -> float:
    """How long the cuts are together; where those of a channel overlap, once."""
    total, reached = 0.0, (-1, 0.0)
    for cut in sorted(cuts, key=lambda each: (each.channel, each.start)):
        begin = max(cut.start, reached[1]) if cut.channel == reached[0] else cut.start
        total += max(cut.end - begin, 0.0)
        reached = cut.channel, max(cut.end, begin)
    return total
