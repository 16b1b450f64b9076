"""How to run a program that refuses to be root, as Postgres does, where the person is root."""

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from webapp.stack import StackError


def prefix(data: Path, sockets: Path) -> list[str]:
    """What to put before a command so that it is not root yet owns the folders `data` and `sockets`.

    Nothing for an ordinary user. For root a user namespace in which it has another number: nothing on the
    disk changes hands. Where the machine forbids that (most containers do), the account `nobody` runs the
    program, and the two folders are given to it.
    """
    if os.geteuid() != 0:
        return []
    return _in_a_namespace() or _as_nobody(data, sockets)


@cache
def _in_a_namespace() -> list[str]:
    # initdb looks its own number up in the password file, so it must be one that is there.
    account = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if account is None:
        return []
    command = ["unshare", "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}"]
    return command if _runs([*command, "true"]) else []


def _as_nobody(data: Path, sockets: Path) -> list[str]:
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    for folder in (data, sockets):
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
    if not _runs([*command, "test", "-w", str(data)]) or not _runs([*command, "test", "-w", str(sockets)]):
        raise StackError(
            "Postgres will not run as root, and this machine lets it run neither in a user namespace nor as "
            f"“nobody” in {data}. Run `make run` as an ordinary user, put PARLEY_HOME where everyone may look "
            "(/var/lib/parley, say), or set DATABASE_URL to a server of yours."
        )
    return command


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # no util-linux: macOS, BusyBox
        return False
