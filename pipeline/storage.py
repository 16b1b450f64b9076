"""The blob store: megabytes beside the records, by claim check.

A blob is written to a temporary name, synced, and renamed to the SHA-256 of its bytes within its conversation; it
never changes, and is checked against its hash when read. Under ``raw/`` all is sealed with the data key of its
conversation (``sealing.py``); under ``safe/`` lies only what is anonymized.
"""

import errno
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Literal

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipeline.config import Config, config
from pipeline.events import Blob
from pipeline.failpoints import failpoint
from pipeline.sealing import KeyStore, SealedFile, open_sealed, seal, sync_folders

CHUNK = 1024 * 1024
Kind = Literal["raw", "safe"]

# The kind of audio that may come without a header, by how its files are called (by Asterisk, sox and ffmpeg).
UNKNOWN_TYPE = "application/octet-stream"
HEADERLESS_TYPES = {
    "audio/PCMU": "ulaw ul ulw mulaw mu pcmu au snd",  # Sun's files had no header at first
    "audio/PCMA": "alaw al alw pcma",
    "audio/GSM": "gsm",
    "audio/G722": "g722 722",
    "audio/x-sln": "sln slin sln8 raw pcm",  # signed linear, 16 bits
    "audio/x-sln16": "sln16",
    "audio/x-vox": "vox",  # Dialogic's ADPCM
    "audio/vnd.wave": "wav wave",
}


def media_type_of(file_name: str) -> str:
    """The kind of audio that a file's name suggests, for bytes that do not tell. The name itself goes no further."""
    ending = file_name.rpartition(".")[2].lower()
    return next((kind for kind, endings in HEADERLESS_TYPES.items() if ending in endings.split()), UNKNOWN_TYPE)


class StorageError(Exception):
    """Raised when the blob store cannot be reached or written; another attempt may succeed."""


class StorageFull(StorageError):
    """Raised when there is no room left; another attempt may succeed once somebody has made some."""


class BlobMissing(StorageError):
    """Raised when a blob is not in the store."""


class BlobCorrupt(StorageError):
    """Raised when a blob's bytes are not those of its hash, or its seal does not hold."""


class BlobRefused(StorageError):
    """Raised when a blob's key is not one of the conversation that names it."""


class BlobStore:
    """Blobs under one fsspec URL. Every method names the tenant and the conversation that the blob belongs to."""

    def __init__(self, url: str, keys: KeyStore) -> None:
        self.fs, root = fsspec.core.url_to_fs(url)
        self.root = str(root).rstrip("/")
        self.keys = keys
        self.local = isinstance(self.fs, LocalFileSystem)

    def put(self, kind: Kind, tenant: str, conversation: str, chunks: Iterable[bytes], media_type: str) -> Blob:
        """Store bytes, synced to disk; sealed when raw. The memory used is that of a few chunks."""
        if kind == "raw":
            with self._explained():
                chunks = seal(chunks, self.keys.get_or_create(tenant, conversation))
        with self._temporary() as temporary:
            sha256, size = write_synced(temporary, chunks)
            key = f"{kind}/{tenant}/{conversation}/{sha256}"
            self._publish(temporary, key)
        return Blob(key=key, sha256=sha256, size=size, media_type=media_type)

    def put_file(self, kind: Kind, tenant: str, conversation: str, path: Path, media_type: str) -> Blob:
        """Store a file."""
        with path.open("rb") as file:
            return self.put(kind, tenant, conversation, iter_chunks(file), media_type)

    def read(self, blob: Blob, tenant: str, conversation: str) -> bytes:
        """The (opened) bytes of a small blob, such as a document."""
        with self._explained():
            return b"".join(self.stream(blob, tenant, conversation))

    @contextmanager
    def local_copy(self, blob: Blob, tenant: str, conversation: str) -> Iterator[Path]:
        """A private file with the (opened) bytes, gone when the block ends. Raises BlobMissing, BlobCorrupt."""
        with tempfile.TemporaryDirectory(prefix="parley-") as folder:
            path = Path(folder) / "blob"
            with self._explained(), path.open("wb") as file:
                for chunk in self.stream(blob, tenant, conversation):
                    file.write(chunk)
            yield path

    def stream(self, blob: Blob, tenant: str, conversation: str) -> Iterator[bytes]:
        """The (opened) bytes in chunks; the hash is known good only at the end. Raises BlobMissing, BlobCorrupt."""
        chunks = self._checked(blob.sha256, self._path(blob, tenant, conversation))
        if not blob.key.startswith("raw/"):
            return chunks
        return open_sealed(chunks, self.keys.get(tenant, conversation), BlobCorrupt)

    def open(self, blob: Blob, tenant: str, conversation: str) -> IO[bytes]:
        """A seekable file over a safe blob, for byte ranges. Its size is checked, its hash is not."""
        if not blob.key.startswith("safe/"):
            raise BlobRefused("Only safe blobs are served by range.")
        path = self._path(blob, tenant, conversation)
        with self._explained():
            if self.fs.size(path) != blob.size:
                raise BlobCorrupt("A blob has not the size that its record says.")
            return self.fs.open(path, "rb")  # type: ignore[no-any-return]

    def open_raw(self, blob: Blob, tenant: str, conversation: str) -> SealedFile:
        """A seekable file over what a raw blob holds, for byte ranges. Its seal is checked, its hash is not.

        Raises BlobMissing, BlobCorrupt, KeyMissing.
        """
        path, key = self._path(blob, tenant, conversation), self.keys.get(tenant, conversation)
        with self._explained():
            if self.fs.size(path) != blob.size:
                raise BlobCorrupt("A blob has not the size that its record says.")
            return SealedFile(self.fs.open(path, "rb"), blob.size, key, BlobCorrupt)

    def memoize(self, tenant: str, conversation: str, event: str, service: str, data: bytes) -> None:
        """Keep what a service said about an event, so that a redelivery need not work again."""
        with self._temporary() as temporary:
            write_synced(temporary, [data])
            self._publish(temporary, f"memo/{tenant}/{conversation}/{event}/{service}")

    def recall(self, tenant: str, conversation: str, event: str, service: str) -> bytes | None:
        """What the service said about the event, if it did."""
        path = f"{self.root}/memo/{tenant}/{conversation}/{event}/{service}"
        with self._explained():
            return self.fs.cat_file(path) if self.fs.exists(path) else None

    def forget(self, tenant: str, conversation: str, event: str, service: str) -> None:
        """Drop a memo whose blobs turned out to be gone or damaged."""
        path = f"{self.root}/memo/{tenant}/{conversation}/{event}/{service}"
        with self._explained():
            if self.fs.exists(path):
                self.fs.rm_file(path)

    def erase(self, tenant: str, conversation: str) -> None:
        """Delete all of a conversation, its key first, which leaves a mark."""
        self.keys.erase(tenant, conversation)
        self._remove_all(tenant, conversation)

    def discard(self, tenant: str, conversation: str) -> None:
        """Delete all of what then became no conversation: no backup knows of it, so no mark is left."""
        self.keys.discard(tenant, conversation)
        self._remove_all(tenant, conversation)

    def purge_raw(self, tenant: str, conversation: str) -> None:
        """Delete what is raw of a conversation, and the memos that may point to it. Its key, and what is safe, stay."""
        self._remove_all(tenant, conversation, ("raw", "memo"))
        self.fs.invalidate_cache()  # so that who now looks sees what is there

    def _remove_all(self, tenant: str, conversation: str, kinds: tuple[str, ...] = ("raw", "safe", "memo")) -> None:
        for kind in kinds:
            path = f"{self.root}/{kind}/{tenant}/{conversation}"
            with self._explained():
                if self.fs.exists(path):
                    self.fs.rm(path, recursive=True)

    def blobs(self, tenant: str, conversation: str) -> set[str]:
        """The keys of all blobs of a conversation."""
        found = (self.fs.glob(f"{self.root}/{kind}/{tenant}/{conversation}/*") for kind in ("raw", "safe"))
        return {str(path)[len(self.root) + 1 :] for paths in found for path in paths}

    def places(self) -> set[tuple[str, str]]:
        """Tenant and conversation of every folder of blobs."""
        paths = [path for kind in ("raw", "safe") for path in self.fs.glob(f"{self.root}/{kind}/*/*")]
        return {(str(path).split("/")[-2], str(path).split("/")[-1]) for path in paths}

    def verify(self, blob: Blob, tenant: str, conversation: str, *, quick: bool = False) -> None:
        """Return if a blob, unopened, is whole; ``quick``: by its size alone. Raises BlobMissing, BlobCorrupt."""
        path = self._path(blob, tenant, conversation)
        with self._explained():
            if self.fs.size(path) != blob.size:
                raise BlobCorrupt("A blob has not the size that its record says.")
        if not quick:
            for _ in self._checked(blob.sha256, path):
                pass

    def stored(self, key: str) -> Iterator[bytes]:
        """A blob's bytes as they are stored, by its key: for copies. Raises BlobMissing, BlobCorrupt (at the end)."""
        return self._checked(key.rpartition("/")[2], f"{self.root}/{key}")

    def adopt(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store bytes as another store had them, under the same key; how many. Raises BlobCorrupt, storing nothing."""
        with self._temporary() as temporary:
            sha256, size = write_synced(temporary, chunks)
            if sha256 != key.rpartition("/")[2]:
                raise BlobCorrupt("A blob's bytes are not those of its hash.")
            self._publish(temporary, key)
        return size

    def modified(self, key: str) -> datetime:
        """When a blob was written."""
        with self._explained():
            return self.fs.modified(f"{self.root}/{key}")  # type: ignore[no-any-return]

    def remove(self, key: str) -> None:
        """Delete one blob by its key."""
        with self._explained():
            self.fs.rm_file(f"{self.root}/{key}")

    def check(self) -> None:
        """Write and remove a file. Raises StorageError."""
        key = f"memo/check/{uuid.uuid4()}"
        with self._temporary() as temporary:
            write_synced(temporary, [b"ok"])
            self._publish(temporary, key)
        self.remove(key)

    def _path(self, blob: Blob, tenant: str, conversation: str) -> str:
        kind, _, rest = blob.key.partition("/")
        if kind not in ("raw", "safe") or rest != f"{tenant}/{conversation}/{blob.sha256}":
            raise BlobRefused("A blob's key is not one of this conversation.")
        return f"{self.root}/{blob.key}"

    def _checked(self, sha256: str, path: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        with self._explained(), self.fs.open(path, "rb") as file:
            for chunk in iter_chunks(file):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != sha256:
            raise BlobCorrupt("A blob's bytes are not those of its hash.")

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A temporary file, on the file system of the store where that is a local one."""
        with self._explained():
            folder = Path(self.root) / "tmp" if self.local else Path(tempfile.gettempdir())
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / uuid.uuid4().hex
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)

    def _publish(self, temporary: Path, key: str) -> None:
        """Move a finished file to its key, so that it is there whole or not at all."""
        target = f"{self.root}/{key}"
        failpoint("storage.before_rename")
        if not self.local:
            self.fs.put_file(str(temporary), target)
            return
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
        failpoint("storage.after_rename")
        sync_folders(Path(target).parent, Path(self.root))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a file system raises into StorageError, without its message (which may hold a path)."""
        try:
            yield
        except FileNotFoundError:
            raise BlobMissing("A blob is not in the store.") from None
        except OSError as error:
            raise storage_error(error) from None


def storage_error(error: OSError) -> StorageError:
    """What is raised for what a file system raised, without its message (which may hold a path)."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (StorageFull if full else StorageError)(f"The storage failed ({type(error).__name__}, errno {error.errno}).")


def write_synced(path: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Write chunks to a file and sync it; their SHA-256 (hex) and size."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def iter_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The content of a file, 1 MiB at a time."""
    while chunk := file.read(CHUNK):
        yield chunk


def store_of(settings: Config) -> BlobStore:
    """The blob store of a configuration."""
    return BlobStore(settings.blob_url, KeyStore(settings.key_url, settings.master_key))


@cache
def blob_store() -> BlobStore:
    """The blob store of this process."""
    return store_of(config())
