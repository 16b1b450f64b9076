"""What lies packed in a text: base64, as kombu puts messages on Redis, and hex, as Postgres writes bytes."""

import base64
import re
from collections.abc import Iterator

PACKED = re.compile(r"(?P<hex>\\\\?x[0-9a-f]{16,})|(?P<base64>[A-Za-z0-9+/]{40,}={0,2})")


def unpacked(text: str) -> Iterator[str]:
    """What is packed in a text."""
    for packed in PACKED.finditer(text):
        if packed["hex"]:
            digits = packed["hex"].lstrip("\\x")
            content = bytes.fromhex(digits[: len(digits) // 2 * 2])
        else:
            whole = packed["base64"].rstrip("=")
            whole = whole[:-1] if len(whole) % 4 == 1 else whole  # no base64, or one that was cut
            content = base64.b64decode(whole + "=" * (-len(whole) % 4))
        yield content.decode("utf-8", "replace")
