"""Files on their way in: read once from the network, hashed as they come."""

import hmac
import tempfile

from django.core.files.uploadedfile import UploadedFile

from pipeline.storage import storage_error


class SpooledFile(UploadedFile):
    """A file as it comes in, in an unnamed file in the folder of temporary files.

    It has no name, so nothing of it is left once it is closed, or once the process is gone, however it went.
    ``digest`` is fed with its bytes. Raises StorageError, StorageFull when the disk does not take them.
    """

    def __init__(self, name: str, digest: hmac.HMAC, content_type: str = "") -> None:
        try:
            # Without a buffer, which on a full disk would fail once more when it is closed.
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (whoever has this file closes it)
        except OSError as error:
            raise storage_error(error) from None
        super().__init__(file, name, content_type, size=0)
        self.digest = digest

    def append(self, chunk: bytes) -> None:
        """Write bytes at the end."""
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[self.file.write(rest) :]
            except OSError as error:
                raise storage_error(error) from None
        self.digest.update(chunk)
        self.size += len(chunk)

    @property
    def keyed_digest(self) -> str:
        """What tells the same bytes within the organization that ``digest`` is keyed for, in hex."""
        return self.digest.hexdigest()
