"""The programs that `make run` keeps running, and supervisor's configuration made from them."""

import os
import sys
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from webapp.stack.home import Home

CHECKOUT = Path(__file__).resolve().parents[2]

# How often a program that ends in its first second is tried again, after a second more each time.
RETRIES = 5


@dataclass(frozen=True)
class Program:
    """One program: what starts it, and how long it may take to end in peace before it is killed."""

    name: str
    arguments: str
    seconds_to_stop: int
    stop_signal: str = "TERM"


SERVERS = (
    # SIGINT is Postgres's "fast" shutdown.
    Program("postgres", "-m webapp.stack.postgres", seconds_to_stop=60, stop_signal="INT"),
    Program("valkey", "-m webapp.stack.valkey", seconds_to_stop=30),
)


def parley(config: Config) -> tuple[Program, ...]:
    """Parley's own programs. A worker finishes the step at hand, within reason: the ledger repeats what it drops."""
    alone = "--without-gossip --without-mingle --without-heartbeat"  # workers need not know of each other
    worker = f"-m celery -A pipeline.celery worker -c 1 {alone} --loglevel {config.log_level}"
    server = f"-c python:webapp.server --log-level {config.log_level.lower()}"
    return (
        Program("gpu", f"{worker} -Q gpu -n gpu@%h", seconds_to_stop=35),
        Program("cpu", f"{worker} -Q cpu -n cpu@%h", seconds_to_stop=35),
        Program("ledger", "manage.py run_ledger", seconds_to_stop=35),
        Program("web", f"-m gunicorn webapp.wsgi --bind {config.host}:{config.port} {server}", seconds_to_stop=15),
    )


def socket(home: Home) -> Path:
    """The unix socket on which supervisor takes orders, from us and from `supervisorctl`."""
    return home.sockets / "supervisor.sock"


def write_configuration(home: Home, config: Config) -> Path:
    """Write supervisor's configuration. Nothing starts by itself: that is decided when what it needs is there."""
    ini = RawConfigParser()
    ini.read_dict(
        {
            "supervisord": {
                "nodaemon": "true",  # with its log on standard output
                "logfile": "/dev/null",
                "logfile_maxbytes": "0",
                "pidfile": str(home.sockets / "supervisor.pid"),
                "directory": str(CHECKOUT),
                "umask": "077",
            },
            "unix_http_server": {"file": str(socket(home)), "chmod": "0700"},
            "supervisorctl": {"serverurl": f"unix://{socket(home)}"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
    )
    # Groups stop one after the other, the last first; the programs of a group all at once.
    for priority, (group, programs) in enumerate((("servers", SERVERS), ("parley", parley(config))), start=1):
        ini[f"group:{group}"] = {"programs": ",".join(one.name for one in programs), "priority": str(priority)}
        for program in programs:
            ini[f"program:{program.name}"] = _section(program, home)
            if program not in SERVERS and "TMPDIR" not in os.environ:
                # Elsewhere than in /tmp, which is memory on many machines.
                ini[f"program:{program.name}"]["environment"] = f'TMPDIR="{home.scratch}"'.replace("%", "%%")
    file = home.path / "supervisor.conf"
    with file.open("w") as stream:
        ini.write(stream)
    return file


def _section(program: Program, home: Home) -> dict[str, str]:
    values = {
        "command": f'"{sys.executable}" {program.arguments}',
        "stopsignal": program.stop_signal,
        "stopwaitsecs": str(program.seconds_to_stop),
        "killasgroup": "true",
        "autostart": "false",
        "autorestart": "true",
        "startretries": str(RETRIES),
        "redirect_stderr": "true",
        "stdout_logfile": str(home.logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }
    return {name: value.replace("%", "%%") for name, value in values.items()}
