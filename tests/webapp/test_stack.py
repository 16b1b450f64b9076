"""The embedded stack, with its real servers and its real supervisor."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from configparser import RawConfigParser
from pathlib import Path

import dj_database_url
import kombu
import psutil
import psycopg
import pytest
import redis

from pipeline.config import Config, load
from webapp.stack import StackError, environment, postgres, preflight, programs, supervision, unprivileged, valkey
from webapp.stack.home import Home


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A data folder of the test's own, where accounts other than ours may look."""
    with tempfile.TemporaryDirectory(prefix="Parley-") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("PARLEY_HOME", f"{folder}/home")
        home = Home(load().home)
        home.create()
        yield home


@pytest.fixture
def config(home: Home) -> Config:
    return load()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def left_running(home: Home) -> list[str]:
    """The names of processes that have the data folder on their command line."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(home.path) in line]


# ── The servers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_postgres_keeps_its_data_over_a_restart(home: Home) -> None:
    for _start in range(2):
        with postgres.running(home) as url, psycopg.connect(url) as connection:
            connection.execute("create table if not exists starts (at timestamptz)")
            connection.execute("insert into starts values (now())")
    with postgres.running(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from starts").fetchone() == (2,)
    assert left_running(home) == []


def test_postgres_comes_back_after_a_kill_with_what_was_committed(home: Home) -> None:
    with postgres.running(home) as url:
        with psycopg.connect(url) as connection:
            connection.execute("create table kept (word text)")
            connection.execute("insert into kept values ('committed')")
        psutil.Process(int((home.postgres / "postmaster.pid").read_text().split()[0])).kill()
        wait_until(lambda: left_running(home) == [])
    assert (home.postgres / "postmaster.pid").exists()
    with postgres.running(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select word from kept").fetchone() == ("committed",)


def test_a_pid_file_that_names_another_process_of_today_does_not_stop_postgres(home: Home) -> None:
    with postgres.running(home):
        crashed = (home.postgres / "postmaster.pid").read_text().splitlines()
    crashed[0] = str(os.getppid())
    (home.postgres / "postmaster.pid").write_text("\n".join(crashed) + "\n")
    with postgres.running(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_an_interrupted_first_start_is_begun_again(home: Home) -> None:
    (home.path / "postgres.new").mkdir()
    (home.path / "postgres.new" / "PG_VERSION").write_text("18")
    with postgres.running(home, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("select current_setting('server_encoding')").fetchone() == ("UTF8",)


def test_postgres_knows_accented_letters_and_is_reached_through_its_socket_alone(home: Home) -> None:
    with postgres.running(home, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("select lower('ÉTÉ')").fetchone() == ("été",)
        assert connection.execute("select current_setting('listen_addresses')").fetchone() == ("",)
    assert stat.S_IMODE(home.sockets.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")
def test_root_runs_postgres_as_nobody_where_user_namespaces_are_forbidden(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.running(home, durable=False):
        owner = home.postgres.stat().st_uid
    monkeypatch.setattr(unprivileged, "user_namespace", list)
    with postgres.running(home, durable=False) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        assert home.postgres.stat().st_uid not in (0, owner) or owner != 0
    home.create()
    monkeypatch.undo()
    monkeypatch.setenv("PARLEY_HOME", str(home.path))
    with postgres.running(home, durable=False):
        assert home.postgres.stat().st_uid == owner


def test_the_broker_keeps_a_message_over_a_restart(home: Home) -> None:
    with valkey.running(home) as url, kombu.Connection(url) as connection:
        connection.SimpleQueue("letters").put({"word": "hello"})
    with valkey.running(home) as url, kombu.Connection(url) as connection:
        assert connection.SimpleQueue("letters").get(timeout=5).payload == {"word": "hello"}
    assert left_running(home) == []


def test_the_broker_refuses_to_forget_and_listens_on_its_socket_alone(home: Home) -> None:
    with valkey.running(home), redis.Redis(unix_socket_path=str(valkey.socket(home))) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("port") == {"port": "0"}


# ── The data folder and the environment ──────────────────────────────────────────────────────────────────────────────


def test_a_data_folder_with_a_long_name_has_its_sockets_in_a_short_private_one(home: Home) -> None:
    far = Home(home.path / ("very-" * 20 + "long"))
    far.create()
    assert len(os.fsencode(far.sockets / "supervisor.sock.12345678")) < 104
    assert stat.S_IMODE(far.sockets.stat().st_mode) == 0o700
    with valkey.running(far, durable=False) as url, kombu.Connection(url) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
    far.sockets.rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(home: Home) -> None:
    home.sockets.chmod(0o755)
    with pytest.raises(StackError, match="open to others"):
        home.create()


def test_a_data_folder_that_cannot_be_made_is_said_in_a_sentence(home: Home) -> None:
    (home.path / "file").touch()
    with pytest.raises(StackError, match="cannot be written: Not a directory"):
        Home(home.path / "file" / "home").create()


def test_secrets_are_made_once_and_for_their_owner_alone(home: Home) -> None:
    first = home.secret("master_key")
    assert home.secret("master_key") == first != home.secret("secret_key")
    assert stat.S_IMODE((home.secrets / "master_key").stat().st_mode) == 0o600


def test_django_finds_the_socket_in_a_folder_with_capital_letters(home: Home) -> None:
    assert any(letter.isupper() for letter in str(home.sockets))
    assert dj_database_url.parse(postgres.url(home))["OPTIONS"] == {"host": str(home.sockets)}


def test_what_the_person_set_is_kept_and_noted_for_other_terminals(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.embedded(home):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARLEY_HOME", str(home.path))
    monkeypatch.setenv("DATABASE_URL", "postgres://me@elsewhere/calls")
    environment.complete(home)
    assert os.environ["PARLEY_BROKER_URL"] == valkey.url(home)
    assert stat.S_IMODE(home.environment.stat().st_mode) == 0o600
    in_another_terminal = load({"PARLEY_HOME": str(home.path)})
    assert in_another_terminal.database_url == "postgres://me@elsewhere/calls"
    assert in_another_terminal.broker_url == valkey.url(home)
    assert len(in_another_terminal.master_key.value) == 32


def test_temporary_files_lie_in_the_data_folder_and_those_left_behind_are_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.scratch / "decode-abc").mkdir()
    (home.scratch / "decode-abc" / "pcm").write_bytes(b"what was said")
    (home.scratch / "parley.wav").write_bytes(b"what was said")
    home.clear_scratch()
    assert list(home.scratch.iterdir()) == []

    monkeypatch.delenv("TMPDIR", raising=False)
    configuration = RawConfigParser()
    configuration.read(programs.write_configuration(home, load()))
    told = {name for name in configuration if "TMPDIR" in configuration[name].get("environment", "")}
    assert told == {f"program:{name}" for name in ("gpu", "cpu", "ledger", "web")}


def test_a_second_run_in_the_same_data_folder_is_refused(home: Home) -> None:
    with (
        home.locked(),
        pytest.raises(StackError, match=f"already running from .*, as process {os.getpid()}"),
        home.locked(),
    ):
        pass
    with home.locked():
        pass


# ── Before the start ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_taken_port_is_refused_with_another_to_try(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PARLEY_PORT", str(port))
        with pytest.raises(StackError, match=f"Port {port} .*Address already in use.*PARLEY_PORT={port + 1} make run"):
            preflight.check_port(load())
    preflight.check_port(load())


def test_a_full_disk_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_disk(config)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 12_000_000}))
    with pytest.raises(StackError, match="Only 12 MB are free"):
        preflight.check_disk(config)


def test_servers_of_the_person_that_do_not_answer_are_named() -> None:
    with pytest.raises(StackError, match="DATABASE_URL"):
        preflight.check_database("postgres://parley@localhost:1/parley")
    with pytest.raises(StackError, match="PARLEY_BROKER_URL"):
        preflight.check_broker("redis://localhost:1/0")


# ── The supervisor ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_dies_is_said_and_started_again_and_at_the_end_nothing_is_left(home: Home, config: Config) -> None:
    with supervision.supervision(home, config) as supervisor:
        supervisor.start("valkey")
        valkey.wait_until_ready(home)
        assert list(supervisor.news()) == []
        os.kill(supervisor.pids["valkey"], signal.SIGKILL)
        said: list[str] = []
        wait_until(lambda: said.extend(supervisor.news()) or any("valkey died" in sentence for sentence in said))
        valkey.wait_until_ready(home)
    assert left_running(home) == []


def test_a_program_that_cannot_start_is_given_up_and_its_log_is_shown(
    home: Home, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = programs.Program("valkey", "-c 'raise SystemExit(\"no such luck\")'", seconds_to_stop=1)
    monkeypatch.setattr(programs, "SERVERS", (broken,))
    monkeypatch.setattr(programs, "RETRIES", 0)
    with supervision.supervision(home, config) as supervisor:
        supervisor.start("valkey")
        said: list[str] = []
        wait_until(lambda: bool(said.extend(supervisor.news()) or supervisor.given_up))
    assert "not started again" in said[-1]
    assert "no such luck" in said[-1]


RUNNER = """
import sys, time
from pipeline.config import load
from webapp.stack.home import Home
from webapp.stack.supervision import supervision
home = Home(load().home)
with supervision(home, load()) as supervisor:
    supervisor.start("valkey")
    time.sleep(60)
"""


@pytest.fixture
def runner(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that runs the broker under supervision."""
    with subprocess.Popen([sys.executable, "-c", RUNNER]) as process:
        wait_until(lambda: valkey.socket(home).exists())
        valkey.wait_until_ready(home)
        yield process
        process.kill()


def test_when_the_runner_is_killed_nothing_outlives_it(home: Home, runner: subprocess.Popen[bytes]) -> None:
    runner.kill()
    wait_until(lambda: left_running(home) == [])


def test_what_outlives_a_killed_supervisor_is_stopped_by_the_next_start(
    home: Home, runner: subprocess.Popen[bytes]
) -> None:
    pid = int((home.sockets / "supervisor.pid").read_text())
    runner.send_signal(signal.SIGSTOP)  # it would notice, and clear up itself
    os.kill(pid, signal.SIGKILL)
    runner.kill()
    runner.wait()
    assert any("valkey" in line for line in left_running(home))
    assert supervision.stop_leftovers(home)
    assert left_running(home) == []
    assert not supervision.stop_leftovers(home)
