"""Supervisor at work: programs are started one after the other, watched, and started again when they die."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from pipeline.config import Config
from webapp.stack import StackError, postgres, programs, valkey
from webapp.stack.child import child
from webapp.stack.home import Home

MARK = "PARLEY_STACK"  # in the environment of whatever runs here, so that the next start finds what was left
SECONDS_TO_START = 20
SECONDS_TO_STOP = 75
SECONDS_TO_ANSWER = 30  # on a machine that is out of breath


class Supervision:
    """A running supervisor, and what its programs were last seen to do."""

    def __init__(self, home: Home, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.process = process
        self.pids: dict[str, int] = {}
        self.given_up: set[str] = set()

    def start(self, *names: str) -> None:
        """Start these programs; return before they are up."""
        for program in self._programs():
            if program["name"] in names:
                self._call("startProcess", f"{program['group']}:{program['name']}", False)

    def news(self) -> Iterator[str]:
        """A sentence for each program that died since the last call, and for each that is not tried again."""
        for program in self._programs():
            name, pid = program["name"], program["pid"]
            if self.pids.get(name) not in (None, 0, pid):
                yield f"{name} died and is started again. {self._end_of_log(name)}"
            self.pids[name] = pid
            if program["statename"] == "FATAL" and name not in self.given_up:
                self.given_up.add(name)
                yield f"{name} died too often and is not started again. {self._end_of_log(name)}"

    def _end_of_log(self, name: str) -> str:
        file = self.home.logs / f"{name}.log"
        last = file.read_text(errors="replace").splitlines()[-8:]
        return "\n".join([f"The end of {file}:", *(f"  | {line}" for line in last)])

    def _programs(self) -> list[dict[str, Any]]:
        return list(self._call("getAllProcessInfo"))

    def _call(self, method: str, *arguments: object) -> Any:
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while True:
            try:
                return _call(self.home, method, *arguments)
            except (OSError, HTTPException) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise StackError(f"Nothing is supervised any more; see {self.home.logs}/supervisor.log.") from error
                time.sleep(0.2)


@contextmanager
def supervision(home: Home, config: Config) -> Iterator[Supervision]:
    """Run supervisor; at the end stop everything it started, Parley's own programs before the servers."""
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(programs.write_configuration(home, config))]
    environment = {**os.environ, MARK: str(home.path)}
    try:
        with child(
            command, log=home.logs / "supervisor.log", environment=environment, seconds_to_stop=SECONDS_TO_STOP
        ) as process:
            _wait_until_ready(home)
            yield Supervision(home, process)
    finally:
        stop_leftovers(home)  # nothing, unless supervisor itself was killed


def stop_leftovers(home: Home) -> bool:
    """Stop what a killed run left running in this data folder; say whether there was anything."""
    marked = [process for process in psutil.process_iter() if _is_marked(process, home)]
    # Supervisor first, and by itself: it stops the others in their order.
    for group in ([p for p in marked if "supervisor.supervisord" in p.cmdline()], marked):
        for process in group:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(group, timeout=SECONDS_TO_STOP)
        for process in alive:
            process.kill()
    return any([bool(marked), valkey.stop_leftover(home), postgres.stop_leftover(home)])


def _is_marked(process: psutil.Process, home: Home) -> bool:
    try:
        mark: str | None = process.environ().get(MARK)
        return mark == str(home.path)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _call(home: Home, method: str, *arguments: object) -> Any:
    transport = SupervisorTransport(None, None, f"unix://{programs.socket(home)}")
    with ServerProxy("http://supervisor", transport=transport) as server:
        return getattr(server.supervisor, method)(*arguments)


def _wait_until_ready(home: Home) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            _call(home, "getState")
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise StackError(
                    f"The processes' supervisor does not start; see {home.logs}/supervisor.log."
                ) from error
            time.sleep(0.05)
