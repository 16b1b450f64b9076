"""Encryption at rest: a data key per conversation, wrapped by the master key, in a store of its own.

To erase a call is to delete its data key: whatever copy of its sealed bytes exists, in whatever backup, is then noise.
A mark stays in the key's place. The key store is in no backup and never goes back in time: after a restore the mark
still tells a call that was erased since the backup from one whose key was lost.

A sealed stream is ``magic, salt, chunk*``: every chunk is up to 1 MiB of plaintext under AES-256-GCM with a key
derived from data key and salt, and a nonce of its number and whether it is the last (the STREAM construction:
https://eprint.iacr.org/2015/189). Cut off, reordered or altered streams do not open.
"""

import io
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import fsspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.config import Secret

MAGIC = b"PARLEY1\n"
SALT, TAG, CHUNK = 16, 16, 1024 * 1024
ERASED = ".erased"


class KeyMissing(Exception):
    """Raised when a conversation has no data key: it was erased."""


class KeyUnusable(Exception):
    """Raised when the master key is not set, or is not the one that wrapped a data key."""


class KeyStore:
    """Data keys under one fsspec URL, one small file a conversation, wrapped by the master key."""

    def __init__(self, url: str, master_key: Secret) -> None:
        self.fs, root = fsspec.core.url_to_fs(url)
        self.root = str(root).rstrip("/")
        self.master_key = master_key

    def get(self, tenant: str, conversation: str) -> Secret:
        """The data key of a conversation. Raises KeyMissing, KeyUnusable."""
        try:
            wrapped = self.fs.cat_file(self._path(tenant, conversation))
        except FileNotFoundError:
            raise KeyMissing("The key of this conversation is gone: it was erased.") from None
        try:
            return Secret(self._wrapper().decrypt(wrapped[:12], wrapped[12:], f"{tenant}/{conversation}".encode()))
        except InvalidTag:
            raise KeyUnusable("PARLEY_MASTER_KEY is not the key that this call was sealed under.") from None

    def get_or_create(self, tenant: str, conversation: str) -> Secret:
        """The data key of a conversation, made when there is none; of two that make one, the first wins.

        Raises KeyMissing for one that was erased: a worker that comes late brings nothing back.
        """
        try:
            return self.get(tenant, conversation)
        except KeyMissing:
            if self.erased(tenant, conversation):
                raise
            nonce, key = os.urandom(12), secrets.token_bytes(32)
            wrapped = nonce + self._wrapper().encrypt(nonce, key, f"{tenant}/{conversation}".encode())
            with suppress(FileExistsError):
                self._create(self._path(tenant, conversation), wrapped)
            return self.get(tenant, conversation)

    def erase(self, tenant: str, conversation: str) -> None:
        """Mark the conversation as erased, then delete its data key. What it sealed can never be opened again."""
        path = self._path(tenant, conversation)
        with suppress(FileExistsError):
            self._create(f"{path}{ERASED}", b"")
        self.discard(tenant, conversation)

    def discard(self, tenant: str, conversation: str) -> None:
        """Delete a data key, if there is one."""
        path = self._path(tenant, conversation)
        if self.fs.exists(path):
            self.fs.rm_file(path)

    def erased(self, tenant: str, conversation: str) -> bool:
        """Whether the conversation was erased, whatever a database that was restored says."""
        return bool(self.fs.exists(f"{self._path(tenant, conversation)}{ERASED}"))

    def empty(self) -> bool:
        """Whether there is nothing at all, not even the mark of an erased conversation."""
        return not any(files for _, _, files in self.fs.walk(self.root))

    def _create(self, path: str, wrapped: bytes) -> None:
        """Write a key synced and whole, unless there is one."""
        from fsspec.implementations.local import LocalFileSystem

        if not isinstance(self.fs, LocalFileSystem):
            self.fs.pipe_file(path, wrapped, mode="create")
            return
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        temporary = f"{path}.{secrets.token_hex(8)}"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(wrapped)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
            sync_folders(Path(path).parent, Path(self.root))
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _path(self, tenant: str, conversation: str) -> str:
        return f"{self.root}/{tenant}/{conversation}"

    def _wrapper(self) -> AESGCM:
        if not self.master_key.value:
            raise KeyUnusable("PARLEY_MASTER_KEY is not set; raw audio and transcripts cannot be sealed without it.")
        return AESGCM(self.master_key.value)


def sync_folders(folder: Path, root: Path) -> None:
    """Sync a folder and those above it up to ``root``, so that a name made in it survives a power cut."""
    while True:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if folder in (root, folder.parent):
            return
        folder = folder.parent


def seal(chunks: Iterable[bytes], key: Secret) -> Iterator[bytes]:
    """Encrypt a stream."""
    salt = os.urandom(SALT)
    yield MAGIC + salt
    cipher = stream_cipher(key, salt)
    for number, (chunk, last) in enumerate(with_last(resized(chunks, CHUNK))):
        yield cipher.encrypt(nonce(number, last), chunk, None)


def open_sealed(chunks: Iterable[bytes], key: Secret, broken: type[Exception]) -> Iterator[bytes]:
    """Decrypt a stream; raises ``broken`` where its seal does not hold."""
    pieces = resized(chunks, CHUNK + TAG, first=len(MAGIC) + SALT)
    header = next(pieces)
    if not header.startswith(MAGIC) or len(header) < len(MAGIC) + SALT:
        raise broken("These bytes are not a sealed blob.")
    cipher, number = stream_cipher(key, header[len(MAGIC) :]), -1
    for number, (piece, last) in enumerate(with_last(pieces)):
        try:
            yield cipher.decrypt(nonce(number, last), piece, None)
        except InvalidTag:
            raise broken("The seal of a blob does not hold.") from None
    if number < 0:
        raise broken("A sealed blob ends after its header.")


def size_within(sealed_size: int) -> int:
    """How many bytes a sealed stream of so many bytes holds; each of its chunks has a tag."""
    chunks = max(1, -(-(sealed_size - len(MAGIC) - SALT) // (CHUNK + TAG)))
    return max(0, sealed_size - len(MAGIC) - SALT - chunks * TAG)


class SealedFile(io.RawIOBase):
    """What a seekable sealed file of ``size`` bytes holds, opened a chunk at a time: for byte ranges, in flat memory.

    Raises ``broken`` where its seal does not hold. Closing it closes the file.
    """

    def __init__(self, file: IO[bytes], size: int, key: Secret, broken: type[Exception]) -> None:
        self.file, self.broken, self.position = file, broken, 0
        self.size = size_within(size)
        header = file.read(len(MAGIC) + SALT)
        if not header.startswith(MAGIC) or size < len(MAGIC) + SALT + TAG:
            raise broken("These bytes are not a sealed blob.")
        self.cipher = stream_cipher(key, header[len(MAGIC) :])
        self.number, self.chunk = -1, b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, of one chunk at most."""
        if self.position >= self.size or size == 0:
            return b""
        number, within = divmod(self.position, CHUNK)
        if number != self.number:
            self.number, self.chunk = number, self._opened(number)
        data = self.chunk[within:] if size < 0 else self.chunk[within : within + size]
        self.position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, start + offset)
        return self.position

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()
        super().close()

    def _opened(self, number: int) -> bytes:
        self.file.seek(len(MAGIC) + SALT + number * (CHUNK + TAG))
        last = (number + 1) * CHUNK >= self.size
        try:
            return self.cipher.decrypt(nonce(number, last), self.file.read(CHUNK + TAG), None)
        except InvalidTag:
            raise self.broken("The seal of a blob does not hold.") from None


def stream_cipher(key: Secret, salt: bytes) -> AESGCM:
    """The cipher of one stream."""
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"parley blob").derive(key.value))


def nonce(number: int, last: bool) -> bytes:
    """The nonce of a chunk: its number, and whether it ends the stream."""
    return number.to_bytes(11, "big") + bytes([last])


def resized(chunks: Iterable[bytes], size: int, first: int | None = None) -> Iterator[bytes]:
    """The same bytes in pieces of ``size``, the first of ``first``; an empty stream is one empty piece."""
    buffer, wanted, any_yet = bytearray(), first or size, False
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= wanted:
            yield bytes(buffer[:wanted])
            del buffer[:wanted]
            wanted, any_yet = size, True
    if buffer or not any_yet:
        yield bytes(buffer)


def with_last(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Every piece, and whether it is the last."""
    iterator = iter(pieces)
    current = next(iterator, None)
    for following in iterator:
        assert current is not None
        yield current, False
        current = following
    if current is not None:
        yield current, True
