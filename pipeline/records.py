"""The envelope of an event: a CloudEvents 1.0 JSON object in structured mode.

``record = Record.initial(event, …)`` starts a cascade, ``Record.caused(event, by=record, …)`` goes on with it.
Strict to build, tolerant to read; validated both ways. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import os
import secrets
import time
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

import msgspec

from pipeline.events import ABOUT_A_DELIVERY, EVENTS, Event

MOST_BYTES = 64 * 1024


class InvalidRecord(Exception):
    """Raised when a record is not one of ours: malformed, too large, or of an unknown type. Carries no content."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event and its circumstances.

    ``subject`` is the conversation, ``tenant`` its organization, ``correlationid`` one run of the cascade,
    ``causationid`` the event that caused this one (all ids as text; "" = none).
    """

    id: str
    source: str
    type: str
    time: str
    data: Event
    subject: str = ""
    tenant: str = ""
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""

    @classmethod
    def initial(cls, event: Event, *, source: str, subject: str = "", tenant: str = "", id: str = "") -> "Record":
        """The record of an event that nothing before it caused; it starts a run."""
        id = id or str(uuid7())
        trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        return cls(
            id=id, source=source, type=type(event).__name__, time=now(), data=event, subject=subject, tenant=tenant,
            correlationid=id, traceparent=trace,
        )  # fmt: skip

    @classmethod
    def caused(cls, event: Event, *, by: "Record", source: str, id: str = "") -> "Record":
        """The record of what ``source`` says in answer to ``by``. The same answer always has the same id."""
        return cls(
            id=id or answer_id(event, by.id, source), source=source, type=type(event).__name__, time=now(), data=event,
            subject=by.subject, tenant=by.tenant, correlationid=by.correlationid, causationid=by.id,
            traceparent=child_trace(by.traceparent),
        )  # fmt: skip


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is read: attributes first, ``data`` once the type is known."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    data: msgspec.Raw
    subject: str = ""
    tenant: str = ""
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""


def to_wire(record: Record) -> dict[str, Any]:
    """The CloudEvents object of a record, as plain JSON values. Raises InvalidRecord when it is too large."""
    attributes = msgspec.to_builtins(record)
    wire = {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "dataschema": f"urn:parley:event:{record.type}",
        **attributes,
    }
    if (size := len(msgspec.json.encode(wire))) > MOST_BYTES:
        raise InvalidRecord(f"A {record.type} record has {size} bytes; {MOST_BYTES} is the most. Use a blob.")
    return wire


def from_wire(wire: Any) -> Record:
    """Read a CloudEvents object. Raises InvalidRecord."""
    body = msgspec.json.encode(wire)
    if len(body) > MOST_BYTES:
        raise InvalidRecord(f"A record of {len(body)} bytes was received; {MOST_BYTES} is the most.")
    try:
        read = msgspec.json.decode(body, type=Wire)
        data = msgspec.json.decode(read.data, type=EVENTS[read.type])
        UUID(read.id)
    except KeyError:
        raise InvalidRecord("A record of an unknown type was received.") from None
    except (msgspec.ValidationError, ValueError):
        raise InvalidRecord("A record was received that does not fit its schema.") from None
    return Record(data=data, **{name: getattr(read, name) for name in Record.__struct_fields__ if name != "data"})


def answer_id(event: Event, cause: str, source: str) -> str:
    """``uuid5(causationid, source + type)``; words about a delivery are told apart by their attempt."""
    name = source + type(event).__name__
    if isinstance(event, ABOUT_A_DELIVERY):
        name += str(event.attempt)  # type: ignore[attr-defined]
    return str(uuid5(UUID(cause), name))


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random ones."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def child_trace(traceparent: str) -> str:
    """The trace context of the next step (https://www.w3.org/TR/trace-context/): same trace, new span."""
    version, _, rest = traceparent.partition("-")
    return f"{version}-{rest[:32]}-{secrets.token_hex(8)}-01" if rest else ""


def now() -> str:
    """This moment, RFC 3339."""
    return rfc3339(datetime.now(UTC))


def rfc3339(moment: datetime) -> str:
    """A moment as records write it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
