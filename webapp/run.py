"""`make run`: start the servers and Parley, load the sample calls, keep everything running until Ctrl-C.

1. Make the data folder, and refuse what cannot work: a second run, a taken port, a full disk.
2. Start the servers that the environment does not name, then the workers, which load their models meanwhile.
3. Bring the database up to date, start the ledger and the web server, make the first user.
4. Upload the sample calls the way anyone would, and follow them until they are done.
5. Watch. Whatever dies is started again by supervisor and said here.
"""

import hashlib
import http.client
import os
import signal
import subprocess
import sys
import time

from pipeline.config import Config, ConfigurationError, load
from webapp.stack import StackError, environment, postgres, preflight, valkey
from webapp.stack.home import Home
from webapp.stack.programs import CHECKOUT
from webapp.stack.supervision import Supervision, stop_leftovers, supervision

SECONDS_UNTIL_READY = 300  # the first start puts the speech model's weights together


def main() -> int:
    """Run until the person or the system says stop."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        home = Home(load().home)
        home.create()
        with home.locked():
            run(home)
    except (StackError, ConfigurationError) as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(home: Home) -> None:
    """Everything, in the order that the module's first lines give."""
    if stop_leftovers(home):
        say("Stopped what an earlier run had left behind.")
    home.clear_scratch()
    ours = {name for name in ("DATABASE_URL", "PARLEY_BROKER_URL") if not os.environ.get(name)}
    environment.complete(home)
    config = load()
    preflight.check_disk(config)
    preflight.check_port(config)
    with supervision(home, config) as supervisor:
        try:
            start(home, config, supervisor, ours)
            watch(supervisor)
        except (KeyboardInterrupt, SystemExit):
            say("\nStopping: the workers finish the step at hand, half a minute at most …")
            raise


def start(home: Home, config: Config, supervisor: Supervision, ours: set[str]) -> None:
    """Bring everything up, from the servers to the sample calls."""
    start_servers(home, config, supervisor, ours)
    supervisor.start("gpu", "cpu")
    say("Preparing the database and the pages …")
    manage("migrate", "--verbosity", "0", "--skip-checks")
    collect_static_files(home)
    supervisor.start("ledger", "web")
    say("Starting the workers and the web server …")
    login = manage("bootstrap", stdout=subprocess.PIPE).strip()  # the password, if it was made now
    wait_until_ready(config, supervisor)
    if os.environ.get("PARLEY_SAMPLES") != "0":
        manage("load_samples")
    say(welcome(config, login))


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    print(sentence, flush=True)


def start_servers(home: Home, config: Config, supervisor: Supervision, ours: set[str]) -> None:
    """Start Postgres and the broker, or make sure that the person's own ones answer."""
    if "DATABASE_URL" in ours:
        say("Starting Postgres …")
        postgres.prepare(home)  # here, where its errors are seen, rather than under the supervisor
        supervisor.start("postgres")
    else:
        preflight.check_database(config.database_url)
    if "PARLEY_BROKER_URL" in ours:
        supervisor.start("valkey")
        valkey.wait_until_ready(home)
    else:
        preflight.check_broker(config.broker_url)
    if "DATABASE_URL" in ours:
        postgres.wait_until_ready(home)


def manage(*arguments: str, stdout: int | None = None) -> str:
    """Run a command of `manage.py`, its words on the terminal. Returns what it wrote to `stdout`, if that is a pipe.

    It has a session of its own: Ctrl-C is for us, who then end it without a word.
    """
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        text=True,
        start_new_session=True,
        check=False,
    )
    if result.returncode != 0:
        raise StackError(f"“manage.py {arguments[0]}” failed; what it said stands above.")
    return result.stdout or ""


def collect_static_files(home: Home) -> None:
    """Gather the pages' files where the web server looks for them, unless that was done and none has changed."""
    stamp = home.path / "static.stamp"
    sources = [CHECKOUT / "requirements.txt", *sorted(CHECKOUT.glob("conversations/static/**/*"))]
    seen = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in sources]
    digest = hashlib.sha256(repr(seen).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        manage("collectstatic", "--noinput", "--clear", "--verbosity", "0")
        stamp.write_text(digest)


def wait_until_ready(config: Config, supervisor: Supervision) -> None:
    """Wait until Parley says that all its parts are there; say what dies meanwhile, and give up with what gave up."""
    deadline = time.monotonic() + SECONDS_UNTIL_READY
    status, answer = 0, "no answer yet"
    while status != 200:
        if time.monotonic() > deadline:
            raise StackError(f"Parley is not ready after {SECONDS_UNTIL_READY} seconds: {answer}")
        time.sleep(0.5)
        for sentence in supervisor.news():
            say(sentence)
        if supervisor.given_up:
            raise StackError(f"Parley cannot run without {', '.join(sorted(supervisor.given_up))}.")
        status, answer = readiness(config)


def readiness(config: Config) -> tuple[int, str]:
    """Status and text of `GET /readyz`; status 0 while nobody answers."""
    connection = http.client.HTTPConnection(local_name(config), config.port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def local_name(config: Config) -> str:
    """A name for the web server that works on this machine; listening everywhere includes localhost."""
    return "localhost" if config.host in ("127.0.0.1", "0.0.0.0", "::") else config.host  # noqa: S104 (compared only)


def welcome(config: Config, login: str) -> str:
    """The address, the login and three things to try."""
    address = f"http://{local_name(config)}:{config.port}"
    forgotten = "as printed at the first start; “.venv/bin/python manage.py changepassword admin” sets a new one"
    return f"""
Parley runs at {address}/
  user      admin
  password  {login.removeprefix("admin password: ") or forgotten}

Three things to try:
  1. Open a call and press play: the words follow the voice, and what was personal is hidden in both.
  2. Search for “charged twice”, at {address}/?q=charged+twice: a hit jumps to the moment when it was said.
  3. Upload calls of your own, many at once, at {address}/admin/conversations/batch/add/ and watch them pass.

Logs are in {config.home / "logs"}. Ctrl-C stops everything; the data stays."""


def watch(supervisor: Supervision) -> None:
    """Say what dies, for ever."""
    while True:
        time.sleep(2)
        for sentence in supervisor.news():
            say(sentence)


if __name__ == "__main__":
    sys.exit(main())
