"""The failures a service expects, and documents."""

from pipeline.events import FailureCode


class ExpectedFailure(Exception):
    """Raised when a service cannot do its work for a known reason; becomes ServiceFailed.

    ``permanent``: another attempt on the same input would end alike. The message is for a person at a terminal;
    only the code ever travels.
    """

    def __init__(self, code: FailureCode, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
