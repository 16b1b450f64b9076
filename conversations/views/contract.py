"""The contract as a page: every event, who says and hears it, its fields with an example, and a picture of the cascade.

All of it is read from the AsyncAPI document, so that the page cannot say anything that the contract does not.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from conversations.contract import asyncapi
from conversations.views.cascade import Cascade, cascade_of

CODE = re.compile(r"``(.+?)``")


@dataclass(frozen=True)
class Field:
    """A field of an event: its type in words, and its default as JSON (None when it must be given)."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Said:
    """An event as the page shows it. ``meaning`` are its paragraphs, ``example`` a whole record as JSON."""

    name: str
    meaning: Sequence[SafeString]
    says: Sequence[str]
    hears: Sequence[str]
    fields: Sequence[Field]
    example: str


@login_required
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """Every event of the contract."""
    said, cascade = contract()
    return render(request, "parley/events.html", {"said": said, "cascade": cascade})


@cache
def contract() -> tuple[Sequence[Said], Cascade]:
    """The events in the order of the contract, and their cascade."""
    document = asyncapi()
    messages = document["components"]["messages"]
    return [said_of(each) for each in messages.values()], cascade_of(document)


def said_of(message: Mapping[str, Any]) -> Said:
    """What a message of the document says of an event."""
    data = message["payload"]["properties"]["data"]
    required = set(data.get("required", ()))
    return Said(
        name=message["name"],
        meaning=paragraphs(message["description"]),
        says=message["x-says"],
        hears=message["x-hears"],
        fields=[field_of(name, schema, name in required) for name, schema in data.get("properties", {}).items()],
        example=json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False),
    )


def field_of(name: str, schema: Mapping[str, Any], required: bool) -> Field:
    """A field from its JSON Schema."""
    default = None if required else json.dumps(schema.get("default"), ensure_ascii=False)
    return Field(name, type_of(schema), default)


def type_of(schema: Mapping[str, Any]) -> str:
    """A type in words: "text", "list of text", "Blob"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return TYPES.get(schema.get("type", ""), "any")


TYPES = {
    "string": "text", "number": "number", "integer": "whole number", "boolean": "true or false", "null": "null",
    "object": "object",
}  # fmt: skip


def paragraphs(docstring: str) -> list[SafeString]:
    """The paragraphs of a docstring, with names of fields set as code."""
    return [
        mark_safe(CODE.sub(r"<code>\1</code>", escape(" ".join(each.split()))))  # noqa: S308 (escaped here)
        for each in docstring.split("\n\n")
    ]
