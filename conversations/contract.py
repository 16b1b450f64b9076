"""The contract as the page ``/docs/events/`` shows it."""

import json
from functools import cache
from typing import Any

from pipeline.config import CHECKOUT


@cache
def asyncapi() -> dict[str, Any]:
    """The generated AsyncAPI 3 document (``python -m pipeline.contract`` writes it, from ``pipeline/events.py``)."""
    document: dict[str, Any] = json.loads((CHECKOUT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    return document
