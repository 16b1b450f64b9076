"""What Django does not see to itself: that the body of a request is whole.

Django believes ``Content-Length`` alone. What comes in chunks (``Transfer-Encoding: chunked``, as programs send what
they do not hold as a file) it takes for nothing, a body that breaks off for a shorter one, and it waits for ever.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gunicorn.http.errors import ParseException

MOST_FORM_BYTES = 1024 * 1024  # what a form has beside its file
SILENCE_SECONDS = 60.0
Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Stream(Protocol):
    """What WSGI asks of ``wsgi.input``, as far as Django uses it."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""

    def readline(self, size: int, /) -> bytes:
        """A line, or so many bytes of it."""


class WholeBodies:
    """An application that reads every body to its end or not at all; one in chunks may have ``most`` bytes."""

    def __init__(self, application: Application, most: int) -> None:
        self.application, self.most = application, most

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Prepare what Django is to read."""
        announced = environ.get("CONTENT_LENGTH") or ""
        in_chunks = "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated")
        if in_chunks and environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
            environ["CONTENT_LENGTH"] = str(self.most)
        if in_chunks or (announced.isdecimal() and int(announced)):
            environ["wsgi.input"] = WholeBody(environ["wsgi.input"], 0 if in_chunks else int(announced))
            if connection := environ.get("gunicorn.socket"):
                connection.settimeout(SILENCE_SECONDS)  # of a sender that is gone without a word nothing else tells
        return self.application(environ, start_response)


class WholeBody:
    """A body that is an error when it ends before ``left`` bytes. One in chunks (0) tells its end itself."""

    def __init__(self, stream: Stream, left: int) -> None:
        self.stream, self.left = stream, left

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes. Raises OSError when the body breaks off."""
        return self._checked(self.stream.read, size)

    def readline(self, size: int, /) -> bytes:
        """Up to so many bytes of a line. Raises OSError when the body breaks off."""
        return self._checked(self.stream.readline, size)

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except ParseException as error:
            raise OSError("The chunks of a body are no such.") from error
        self.left -= len(data)
        if size and not data and self.left > 0:
            raise OSError("A body broke off.")
        return data
