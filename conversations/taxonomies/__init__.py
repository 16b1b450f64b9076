"""Starter taxonomies: tags and rules that an organization begins with and makes its own."""

import json
from pathlib import Path
from typing import Any


def starter_taxonomy() -> dict[str, Any]:
    """The taxonomy of a new organization: support calls, English and French (``documents.Taxonomy`` as JSON)."""
    taxonomy: dict[str, Any] = json.loads((Path(__file__).parent / "support.json").read_text(encoding="utf-8"))
    return taxonomy
