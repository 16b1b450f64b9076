"""The page that says how well personal data is found: precision and recall by label, and over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from conversations import words
from conversations.quality import Counts, Score, by_week, total

WIDTH, HEIGHT = 720, 160  # of the picture; a share of 1 is at its top
MOST_WEEKS = 52


@dataclass(frozen=True)
class Row:
    """A line of a table: a label or a week, with its figures."""

    name: str
    score: Score
    week: date | None = None
    calls: int = 0


@dataclass(frozen=True)
class Line:
    """A line of the picture: its points as SVG has them, one path."""

    name: str
    path: str
    points: Sequence[tuple[str, str]]


@login_required
@require_safe
def quality(request: HttpRequest) -> HttpResponse:
    """The figures of the organization; ``?label=`` those of one label over time."""
    if not request.user.may_review:
        raise PermissionDenied
    weeks = by_week(request.user.organization)
    whole = total(weeks.values())
    asked = request.GET.get("label", "")
    label = asked if asked in whole.labels else ""
    rows = [Row(capfirst(words.label_name(each)), whole.score(each)) for each in whole.labels]
    over_time = weeks_of(weeks, label)
    context = {
        "rows": rows, "all": Row(_("All together"), whole.score()), "whole": whole, "weeks": over_time,
        "lines": lines_of(over_time), "label": label, "width": WIDTH, "height": HEIGHT,
        "labels": [(each, capfirst(words.label_name(each))) for each in whole.labels],
    }  # fmt: skip
    return render(request, "parley/quality.html", context)


def weeks_of(weeks: dict[date, Counts], label: str) -> list[Row]:
    """The latest weeks in which something was reviewed, the first one first."""
    latest = list(weeks.items())[-MOST_WEEKS:]
    return [Row(week.isoformat(), counts.score(label), week, counts.calls) for week, counts in latest]


def lines_of(weeks: Sequence[Row]) -> list[Line]:
    """Precision and recall over the weeks; a week without a figure is left out."""
    if not weeks:
        return []
    first = weeks[0].week
    days = max((weeks[-1].week - first).days, 1)
    lines = []
    for name, figure in ((_("Precision"), "precision"), (_("Recall"), "recall")):
        points = [
            (f"{(row.week - first).days / days * WIDTH:.1f}", f"{(1 - share) * HEIGHT:.1f}")
            for row in weeks
            if (share := getattr(row.score, figure)) is not None
        ]
        lines.append(Line(name, "M" + "L".join(f"{x} {y}" for x, y in points) if points else "", points))
    return lines
