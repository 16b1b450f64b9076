"""How to run a program that refuses to be root, as Postgres does, where the person is root."""

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from webapp.stack import StackError


def prefix(*folders: Path) -> list[str]:
    """What to put before a command so that it is not root and yet owns `folders`.

    Nothing for an ordinary user. For root a user namespace in which it has another number: nothing on the
    disk changes hands. Where the machine forbids that, as most containers and every chroot do, the account
    `nobody` runs the program, and the folders are given to it. Raises StackError when it cannot reach them.
    """
    if os.geteuid() != 0:
        return []
    namespace = user_namespace()
    owner = pwd.getpwuid(0) if namespace else pwd.getpwnam("nobody")
    for folder in folders:
        _give(folder, owner)
    return namespace or _as_nobody(owner, *folders)


@cache
def user_namespace() -> list[str]:
    """The command that enters one, or nothing where that is forbidden."""
    # initdb looks its own number up in the password file, so it must be one that is there.
    account = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    command = ["unshare", "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}"]
    return command if _runs([*command, "true"]) else []


def _as_nobody(nobody: pwd.struct_passwd, *folders: Path) -> list[str]:
    command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    for folder in folders:
        if not _runs([*command, "test", "-w", str(folder)]):
            raise StackError(
                "Postgres does not run as root. This machine allows no user namespaces, and the account “nobody” "
                f"cannot reach {folder}. Run “make run” as an ordinary user, put PARLEY_HOME where others may "
                "look (/var/lib/parley, say), or set DATABASE_URL to a server of yours."
            )
    return command


def _give(folder: Path, owner: pwd.struct_passwd) -> None:
    if folder.stat().st_uid != owner.pw_uid:  # what is inside has the owner of the folder
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _runs(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:  # no util-linux: macOS, BusyBox
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
