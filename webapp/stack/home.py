"""The data folder (`PARLEY_HOME`): where everything lies that `make run` must find again next time."""

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import load
from webapp.stack import StackError

# A unix socket's path is cut at 104 bytes on macOS and at 108 on Linux; the longest name we append is
# ".s.PGSQL.5432.lock", and supervisor appends its process number to the name while it binds.
LONGEST_SOCKET_FOLDER = 76


@dataclass(frozen=True)
class Home:
    """The data folder, by the names of what is in it."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def environment(self) -> Path:
        """What `make run` runs with, NAME=value a line, for `manage.py` in another terminal."""
        return self.path / "stack.env"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def scratch(self) -> Path:
        """Temporary files of the web server and the workers: recordings in the clear, gigabytes at times."""
        return self.path / "tmp"

    @property
    def sockets(self) -> Path:
        """The folder of the unix sockets: `run/`, or a short one elsewhere when that path would be too long."""
        inside = self.path / "run"
        # Postgres takes a list of such folders, parted by commas.
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        # Not XDG_RUNTIME_DIR: cron, sudo and ssh disagree about it, and both sides must find the same folder.
        return Path(tempfile.gettempdir()) / f"parley-{os.geteuid()}-{digest}"

    def create(self) -> None:
        """Make the folders that are missing; those that hold secrets or sockets are open to their owner alone."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for folder in (self.logs, self.secrets, self.sockets, self.scratch):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(f"The data folder {self.path} cannot be written: {error.strerror}.") from error
        self._refuse_foreign_sockets()

    def clear_scratch(self) -> None:
        """Delete the temporary files that killed processes left behind. Only while nothing of ours runs."""
        for path in self.scratch.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _refuse_foreign_sockets(self) -> None:
        # The short folder lies in a place that everyone can write to: somebody else may have made it first.
        # Where Postgres runs as another account (unprivileged.py), that has its data and the sockets.
        owners = {os.geteuid()} | ({self.postgres.stat().st_uid} if self.postgres.exists() else set())
        status = os.lstat(self.sockets)
        if status.st_uid not in owners or status.st_mode & 0o077:
            raise StackError(f"The socket folder {self.sockets} belongs to someone else or is open to others.")

    def secret(self, name: str) -> str:
        """The secret of that name: 32 random bytes in base64, made the first time and kept in `secrets/`."""
        file = self.secrets / name
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            return self._make_secret(file)

    def _make_secret(self, file: Path) -> str:
        write_private(file, b64encode(secrets.token_bytes(32)).decode() + "\n")
        return file.read_text().strip()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone. The lock ends with the process, however that ends."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise StackError(
                    f"Parley is already running from {self.path}, as process {lock.read().strip()}."
                ) from error
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone may read, whole or not at all, also if the power fails."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent)  # of mode 0600
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, file)


def home() -> Home:
    """The data folder that `PARLEY_HOME` names."""
    return Home(load().home)
