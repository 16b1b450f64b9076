"""What Django does with the files of a request. Only a view that says so takes any."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from conversations.services.calls import running_digest, too_large
from conversations.services.spool import SpooledFile
from pipeline.config import config
from pipeline.storage import CHUNK


class NoFiles(FileUploadHandler):
    """Keeps no file: so nobody fills the disk through a page that has no use for one."""

    def new_file(self, *args: Any, **options: Any) -> None:
        """Read past it."""
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called."""

    def file_complete(self, file_size: int) -> None:
        """There is no file."""


class Spool(FileUploadHandler):
    """Spools the files of a signed-in user's request to the disk, each hashed on its way.

    Raises UploadRefused as soon as one is larger than the limit, StorageError and StorageFull as ``SpooledFile`` does.
    """

    chunk_size = CHUNK

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.files: list[SpooledFile] = []

    def new_file(self, *args: Any, **options: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **options)
        self.file = SpooledFile(self.file_name, running_digest(self.request.user.organization), self.content_type)
        self.files.append(self.file)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take bytes of a file."""
        if start + len(raw_data) > config().max_upload_bytes:
            raise too_large()
        self.file.append(raw_data)

    def file_complete(self, file_size: int) -> SpooledFile:
        """Give the file. It is no longer ``file``, which Django closes when the one after it is skipped."""
        file = self.file
        del self.file
        file.seek(0)
        return file

    def close(self) -> None:
        """Let go of every file, also of those that never became whole."""
        for file in self.files:
            file.close()


@contextmanager
def taking_files(request: HttpRequest, spool: Spool) -> Iterator[None]:
    """Let a request bring files while the block runs; after it nothing of them is left, whatever happened."""
    request.upload_handlers = [spool]
    try:
        yield
    finally:
        spool.close()
