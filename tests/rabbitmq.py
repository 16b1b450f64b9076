"""RabbitMQ from the Debian package, in a folder of its own, for tests and storms."""

import os
import subprocess
import time
from pathlib import Path

from kombu import Connection

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
SECONDS_TO_START = 120


class RabbitMQ:
    """A server that listens on a port of the loopback address, with its files in a folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"

    def environment(self) -> dict[str, str]:
        """What tells the programs which server is meant."""
        return {
            "HOME": str(self.folder),  # the cookie that servers and their tools show each other
            "RABBITMQ_NODENAME": f"parley-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.port + 20000 if self.port < 40000 else self.port - 20000),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def prepare(self) -> None:
        """Write its configuration."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # As docs/operations.md asks for: who works on a call for hours has not acknowledged the next message.
        (self.folder / "rabbitmq.conf").write_text("consumer_timeout = 86400000\n")
        (self.folder / "plugins").write_text("[].\n")

    def command(self) -> list[str]:
        """The command that runs the server in the foreground, and in its folder: there it dumps what it dies of."""
        return ["env", f"--chdir={self.folder}", *(f"{name}={value}" for name, value in self.environment().items()),
                str(PROGRAMS / "rabbitmq-server")]  # fmt: skip

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` answers."""
        command = [str(PROGRAMS / "rabbitmqctl"), "--quiet", *words]
        environ = {**os.environ, **self.environment()}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=180).stdout

    def wait_until_ready(self) -> None:
        """Wait until the server takes connections."""
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                with Connection(self.url, connect_timeout=2) as connection:
                    connection.connect()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
