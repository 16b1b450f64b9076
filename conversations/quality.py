"""How well personal data is found, told from what people corrected.

The unit is a stretch: words one after the other of which the detectors, and people, said the same. Of the runs that
somebody reviewed are counted, a label each:

* ``hidden``: stretches that the detectors had hidden as it;
* ``shown``: those of them that a person found to be no personal data;
* ``missed``: stretches in the clear that a person said are it.

So precision is (hidden - shown) / hidden, and recall (hidden - shown) / (hidden - shown + missed). Who hides or shows
again what a person had shown or hidden takes that back. What nobody noticed is not counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from django.utils.timezone import localtime

from conversations.models import Organization, RedactionCorrection, RedactionReview
from conversations.services.review import PERSON


@dataclass
class Counts:
    """Stretches by label."""

    hidden: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    checked: int = 0

    def add(self, other: "Counts") -> None:
        """Count what another has counted, too."""
        self.hidden += other.hidden
        self.shown += other.shown
        self.missed += other.missed
        self.calls += other.calls
        self.checked += other.checked

    @property
    def labels(self) -> list[str]:
        """The labels of which there is something to say, the commonest first."""
        return [label for label, _ in (self.hidden + self.missed).most_common()]

    def score(self, label: str = "") -> "Score":
        """The figures of a label; of all together without one."""
        hidden, shown, missed = (
            each[label] if label else each.total() for each in (self.hidden, self.shown, self.missed)
        )
        return Score(hidden, shown, missed)


class Score(NamedTuple):
    """Stretches of one label, or of all. Precision and recall are from 0 to 1; None where nothing was to be found."""

    hidden: int
    shown: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Of what was hidden, how much is personal data."""
        return (self.hidden - self.shown) / self.hidden if self.hidden else None

    @property
    def recall(self) -> float | None:
        """Of what is personal data, how much was hidden."""
        kept = self.hidden - self.shown
        return kept / (kept + self.missed) if kept + self.missed else None


def by_week(organization: Organization) -> dict[date, Counts]:
    """What the reviews of an organization tell, by the Monday of the week in which each was last made, in order."""
    reviews = RedactionReview.objects.of(organization).order_by("reviewed_at").prefetch_related("corrections")
    weeks: dict[date, Counts] = {}
    for review in reviews:
        day = localtime(review.reviewed_at).date()
        weeks.setdefault(day - timedelta(days=day.weekday()), Counts()).add(counted(review))
    return weeks


def total(counts: Iterable[Counts]) -> Counts:
    """All together."""
    whole = Counts()
    for each in counts:
        whole.add(each)
    return whole


def counted(review: RedactionReview) -> Counts:
    """What one review tells."""
    counts = Counts(hidden=Counter(review.hidden), calls=1, checked=int(review.checked))
    for detected, said in stretches_of(review.corrections.all()):
        if detected and not said:
            counts.shown[detected] += 1
        elif said and not detected:
            counts.missed[said] += 1
    return counts


def stretches_of(corrections: Iterable[RedactionCorrection]) -> Iterator[tuple[str, str]]:
    """What the detectors had made of each corrected stretch, and what people say last that it is ("" = nothing)."""
    detected: dict[tuple[int, int], str] = {}
    said: dict[tuple[int, int], str] = {}
    for each in corrections:  # in order of time
        for word in range(each.first, each.stop):
            place = each.utterance, word
            detected.setdefault(place, each.hidden_as if each.detector != PERSON else "")
            said[place] = each.label
    yield from alike(detected, said)


def alike(detected: Mapping[tuple[int, int], str], said: Mapping[tuple[int, int], str]) -> Iterator[tuple[str, str]]:
    """The same of words one after the other, once."""
    places = enumerate(sorted(said))
    for (_, _, before, after), _run in groupby(
        places, key=lambda each: (each[1][0], each[1][1] - each[0], detected[each[1]], said[each[1]])
    ):
        yield before, after
