"""Files by byte range (RFC 9110, section 14), which is how players seek."""

import re
from collections.abc import Iterator
from typing import IO

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import parse_etags

CHUNK = 64 * 1024
RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


class Stretch:
    """The bytes of a file from ``start`` to ``stop``. The server closes it, also when it was read in part or never."""

    def __init__(self, file: IO[bytes], start: int, stop: int) -> None:
        self.file, self.start, self.stop = file, start, stop

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.start)
        left = self.stop - self.start
        while left > 0 and (chunk := self.file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def serve(request: HttpRequest, file: IO[bytes], *, size: int, etag: str, content_type: str) -> HttpResponse:
    """All of a seekable file (200), a stretch of it (206), nothing new (304), or no such stretch (416).

    ``etag`` is strong and stands for these very bytes. Several ranges at once are answered with all of the file.
    """
    headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if headers["ETag"] in parse_etags(request.headers.get("If-None-Match", "")):
        file.close()
        return HttpResponse(status=304, headers=headers)
    stretch = asked(request, headers["ETag"], size)
    if stretch is None:
        file.close()
        headers["Content-Range"] = f"bytes */{size}"
        return HttpResponse(status=416, headers=headers)
    start, stop, status = stretch
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        file.close()
        return HttpResponse(status=status, headers=headers, content_type=content_type)
    return StreamingHttpResponse(Stretch(file, start, stop), status=status, headers=headers, content_type=content_type)


def asked(request: HttpRequest, etag: str, size: int) -> tuple[int, int, int] | None:
    """Start, stop and status of what is asked for; None when the file has no such stretch.

    What is no single range of bytes is ignored, and so is a range of other bytes than these (``If-Range``).
    """
    everything = 0, size, 200
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not match or request.headers.get("If-Range", etag) != etag:
        return everything
    first, last = match.groups()
    if not first and not last:
        return everything
    if not first:  # the last so many bytes
        return (max(0, size - int(last)), size, 206) if int(last) and size else None
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return everything
    return (start, stop, 206) if start < size else None
