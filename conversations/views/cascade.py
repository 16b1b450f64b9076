"""The cascade drawn from the AsyncAPI document: events and services in turn, from the first event downwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 560, 60, 216, 34


@dataclass(frozen=True)
class Box:
    """An event or a service, and the middle of its place in the picture. ``queue`` is a service's."""

    name: str
    x: int
    y: int
    queue: str = ""

    @property
    def left(self) -> int:
        """Its left edge."""
        return self.x - BOX_WIDTH // 2

    @property
    def top(self) -> int:
        """Its upper edge."""
        return self.y - BOX_HEIGHT // 2

    @property
    def text_y(self) -> int:
        """The base line of its name."""
        return self.y + 5


@dataclass(frozen=True)
class Cascade:
    """Boxes, and arrows between them as SVG paths."""

    events: Sequence[Box]
    services: Sequence[Box]
    arrows: Sequence[str]
    width: int
    height: int


def cascade_of(document: Mapping[str, Any]) -> Cascade:
    """The picture of what services hear and say. What no service hears ends at the monolith."""
    edges, queues = edges_of(document)
    rows = rows_of(edges)
    boxes = {
        name: Box(name, round(WIDTH * (place + 0.5) / len(row)), ROW // 2 + depth * ROW, queues.get(name, ""))
        for depth, row in enumerate(rows)
        for place, name in enumerate(row)
    }
    messages = document["components"]["messages"]
    return Cascade(
        events=[box for name, box in boxes.items() if name in messages],
        services=[box for name, box in boxes.items() if name not in messages],
        arrows=[arrow(boxes[tail], boxes[head]) for tail, head in edges],
        width=WIDTH,
        height=ROW * len(rows),
    )


def edges_of(document: Mapping[str, Any]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """From event to the services that hear it, from service to the events that it says; the queue of each service."""
    queues = {
        name.removesuffix("Hears"): last(operation["channel"])
        for name, operation in document["operations"].items()
        if operation["action"] == "receive"
    }
    edges = []
    for name, message in document["components"]["messages"].items():
        hearing = [each for each in message["x-hears"] if each in queues]
        saying = [each for each in message["x-says"] if each in queues]
        edges += [(each, name) for each in saying]
        edges += [(name, each) for each in hearing or message["x-hears"] if hearing or saying]
    return edges, queues


def last(reference: Mapping[str, str]) -> str:
    """The last part of a ``$ref``."""
    return reference["$ref"].rsplit("/", 1)[-1]


def rows_of(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The names by their distance from the start: each stands below all that lead to it."""
    depth: dict[str, int] = {}
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    for _round in names:  # a longest path has fewer steps than there are names
        for tail, head in edges:
            depth[head] = max(depth.get(head, 0), depth.get(tail, 0) + 1)
    rows: list[list[str]] = [[] for _depth in range(max(depth.values(), default=0) + 1)]
    for name in names:
        rows[depth.get(name, 0)].append(name)
    return rows


def arrow(tail: Box, head: Box) -> str:
    """A curve from the lower edge of one box to the upper edge of another."""
    begin, end = tail.y + BOX_HEIGHT // 2, head.y - BOX_HEIGHT // 2
    bend = (end - begin) // 2
    return f"M{tail.x} {begin}C{tail.x} {begin + bend} {head.x} {end - bend} {head.x} {end}"
