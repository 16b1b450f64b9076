"""``python -m pipeline.contract``: write what is generated from the contract. Tests fail when any of it is stale.

* ``docs/events.md``: the catalogue for people;
* ``docs/asyncapi.json``: the same as an AsyncAPI 3 document, which the page ``/docs/events/`` shows;
* ``tests/contract/schemas/``: one JSON Schema an event, against which later versions are held.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from pipeline import tasks
from pipeline.bus import CPU, GPU, LEDGER
from pipeline.config import CHECKOUT
from pipeline.events import EVENTS, Blob, Event
from pipeline.records import Record, to_wire
from pipeline.service import SERVICES

MONOLITH_SAYS = (
    "ConversationReceived",
    "ConversationCompleted",
    "ConversationQuarantined",
    "ConversationFailed",
    "ConversationTagged",
    "ConversationUntagged",
    "ReprocessingRequested",
    "SpeakersSwapped",
    "RedactionCorrected",
    "ConversationReleased",
    "RawDataPurged",
    "ConversationErased",
)
MONOLITH_HEARS = (  # what conversations/projections.py makes something of; a test holds the two together
    "ConversationTranscribed",
    "EntitiesTagged",
    "TranscriptAnonymized",
    "AudioRedacted",
    "ConversationQualified",
    "ConversationCompleted",
    "ConversationQuarantined",
    "ConversationFailed",
    "SpeakersSwapped",
    "RawDataPurged",
    "ConversationReleased",
)
ABOUT = ("ProgressReported", "ServiceFailed", "DeliveryHandled", "ServiceRegistered")
EXAMPLE_IDS = {
    "id": "01989ef2-5a5c-7d3e-8f00-2b6a0c1d4e5f",
    "subject": "01989ef2-5a50-7b11-9c3d-5e8f7a6b4c3d",
    "tenant": "3f0c1a52-9d6e-4c1b-8a7f-6e5d4c3b2a19",
    "causationid": "01989ef2-5a51-7aaa-8bbb-0c1d2e3f4a5b",
}


def says(event: str) -> list[str]:
    """Who says an event."""
    services = [s.name for s in SERVICES.values() if event in {said.__name__ for said in s.says}]
    if event in ABOUT:
        return ["every service"]
    return services + (["monolith"] if event in MONOLITH_SAYS else [])


def hears(event: str) -> list[str]:
    """Who hears an event."""
    services = [s.name for s in SERVICES.values() if event in {heard.__name__ for heard in s.hears}]
    if event in ABOUT:
        return ["ledger"]
    return services + (["monolith"] if event in MONOLITH_HEARS else [])


def schema(event: type[Event], references: str = "#/$defs/") -> dict[str, Any]:
    """The JSON Schema of an event's data (draft 2020-12)."""
    (reference,), components = msgspec.json.schema_components([event], ref_template=references + "{name}")
    own = components.pop(reference["$ref"].rsplit("/", 1)[1])
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **own}
    return document | ({"$defs": components} if components else {})


def example(event: type[Event]) -> dict[str, Any]:
    """A record of an event, with invented values."""
    values = {
        name: example_value(name, kind)
        for name, kind in get_type_hints(event).items()
        if name not in ("__struct_config__",) and not name.startswith("__")
    }
    record = Record(
        source=(says(event.__name__) or ["monolith"])[0].replace("every service", "transcription"),
        type=event.__name__, time="2026-11-23T09:30:00Z", data=msgspec.convert(values, event),
        correlationid=EXAMPLE_IDS["causationid"], traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        **EXAMPLE_IDS,
    )  # fmt: skip
    return to_wire(record)


def example_value(name: str, kind: Any) -> Any:
    """An invented value for a field."""
    if kind in (Blob, Blob | None):
        digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        place = f"{EXAMPLE_IDS['tenant']}/{EXAMPLE_IDS['subject']}"
        area = "raw" if name == "audio" else "safe"
        return {
            "key": f"{area}/{place}/{digest}", "sha256": digest, "size": 48213, "media_type": "application/json",
        }  # fmt: skip
    known = {
        "language": "en", "duration": 71.4, "channels": ["agent", "customer"], "service": "transcription",
        "code": "audio_unreadable", "reason": "still_heard", "tag": "refund", "utterance": 12, "attempt": 1,
        "done": 36.6, "total": 71.4, "permanent": True, "exception": "", "locations": [],
        "subscribes": ["ConversationReceived"],
        "says": ["ConversationTranscribed"], "queue": "gpu", "lease": 30.0, "window": 2, "since": "",
    }  # fmt: skip
    by_type = {str: "…", int: 1, float: 1.0, bool: False}
    return known[name] if name in known else by_type.get(kind, [])


def asyncapi() -> dict[str, Any]:
    """The contract as an AsyncAPI 3 document."""
    messages = {name: message(name, event) for name, event in EVENTS.items()}
    queues = {queue: [s for s in SERVICES.values() if s.queue == queue] for queue in (GPU, CPU)}
    heard = {queue: sorted({e.__name__ for s in services for e in s.hears}) for queue, services in queues.items()}
    said = sorted({name for s in SERVICES.values() for name in (e.__name__ for e in s.says)} | set(ABOUT))
    channels = {name: channel(name, heard.get(name, said)) for name in (GPU, CPU, LEDGER)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley's events",
            "version": "1",
            "description": "What can happen to a call, who says it and who hears it. Records are CloudEvents 1.0.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": dict(operations()),
        "components": {"messages": messages, "schemas": msgspec.json.schema(Blob)["$defs"]},
    }


def message(name: str, event: type[Event]) -> dict[str, Any]:
    """A message of the document."""
    wire = example(event)
    return {
        "name": name,
        "title": name,
        "summary": summary(event),
        "description": (event.__doc__ or "").strip(),
        "contentType": "application/cloudevents+json",
        "payload": envelope(name, event),
        "examples": [{"name": "example", "payload": wire}],
        "x-says": says(name),
        "x-hears": hears(name),
    }


def envelope(name: str, event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of a record: the CloudEvents attributes around an event's data."""
    text = {"type": "string"}
    data = schema(event, "#/components/schemas/")
    del data["$schema"]
    data.pop("$defs", None)
    attributes = ("id", "source", "subject", "tenant", "correlationid", "causationid", "traceparent", "time")
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "type": {"const": name},
            **dict.fromkeys(attributes, text),
            "dataschema": {"const": f"urn:parley:event:{name}"},
            "datacontenttype": {"const": "application/json"},
            "data": data,
        },
    }


def channel(name: str, events: list[str]) -> dict[str, Any]:
    """A queue and what travels on it."""
    references = {event: {"$ref": f"#/components/messages/{event}"} for event in events}
    return {"address": name, "messages": references}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """What each service receives, and what it sends to the ledger."""
    for service in SERVICES.values():
        heard = [f"#/channels/{service.queue}/messages/{event.__name__}" for event in service.hears]
        yield (
            f"{service.name}Hears",
            {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{service.queue}"},
                "messages": [{"$ref": reference} for reference in heard],
            },
        )
        said = [f"#/channels/{LEDGER}/messages/{event.__name__}" for event in service.says]
        yield (
            f"{service.name}Says",
            {
                "action": "send",
                "channel": {"$ref": f"#/channels/{LEDGER}"},
                "messages": [{"$ref": reference} for reference in said],
            },
        )


def summary(event: type[Event]) -> str:
    """The sentence that says what happened."""
    return " ".join((event.__doc__ or "").strip().split("\n\n")[0].split())


def catalogue() -> str:
    """``docs/events.md``."""
    lines = [
        "# Events",
        "",
        "<!-- Generated from pipeline/events.py by `python -m pipeline.contract`; do not edit. -->",
        "",
        "Everything that can happen, as CloudEvents 1.0 records. The same as a page: `/docs/events/` on a running",
        "Parley; for machines: `asyncapi.json` beside this file.",
    ]
    for name, event in EVENTS.items():
        lines += ["", f"## {name}", "", *section(name, event)]
    return "\n".join(lines) + "\n"


def section(name: str, event: type[Event]) -> Iterator[str]:
    """An event in the catalogue."""
    import inspect

    yield inspect.cleandoc(event.__doc__ or "")
    yield ""
    yield f"Said by {', '.join(says(name)) or 'nobody yet'}; heard by {', '.join(hears(name)) or 'whoever wants'}."
    fields = [(field.name, field) for field in msgspec.structs.fields(event)]
    if fields:
        yield ""
        yield "| field | type | default |"
        yield "|---|---|---|"
    for field, info in fields:
        kind = getattr(info.type, "__name__", None) or str(info.type)
        if "[" in str(info.type):
            kind = str(info.type)
        default = "" if info.default is msgspec.NODEFAULT else f"`{json.dumps(info.default)}`"
        yield f"| {field} | `{kind.replace('|', '¦')}` | {default} |"


def files() -> dict[Path, str]:
    """Every generated file and its content."""
    schemas = CHECKOUT / "tests" / "contract" / "schemas"
    return {
        CHECKOUT / "docs" / "events.md": catalogue(),
        CHECKOUT / "docs" / "asyncapi.json": dumps(asyncapi()),
        **{schemas / f"{name}.json": dumps(schema(event)) for name, event in EVENTS.items()},
    }


def incompatible(old: dict[str, Any], new: dict[str, Any], place: str = "") -> list[str]:
    """What a reader or a sayer of the old schema would trip over in the new one; empty = nothing."""
    if old.get("$ref") != new.get("$ref") or old.get("type") != new.get("type"):
        return [f"{place or 'the event'} is of another type"]
    found = [f"{place}{name} is gone" for name in old.get("properties", {}) if name not in new.get("properties", {})]
    found += [f"{place}{name} is newly required" for name in new.get("required", []) if name not in old["required"]]
    for part in ("properties", "$defs"):
        for name, before in old.get(part, {}).items():
            found += incompatible(before, new.get(part, {}).get(name, before), f"{place}{name}.")
    return found


def dumps(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all, unless a schema would change incompatibly: that is a new class ``…V2``."""
    assert tasks
    for path, content in files().items():
        if path.parent.name == "schemas" and path.exists():
            problems = incompatible(json.loads(path.read_text(encoding="utf-8")), json.loads(content))
            if problems:
                raise SystemExit(f"{path.stem} changed incompatibly: {'; '.join(problems)}. Make it {path.stem}V2.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
