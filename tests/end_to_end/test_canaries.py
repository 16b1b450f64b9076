"""Canaries of every kind, spoken and written, are sent through a running system, and then looked for in every place.

Who sends, and with which roles one looks, is as in life; only what is heard in a recording is told by it
(``scripted.py``). The sample calls are looked through in the same places (``test_sample_calls.py``).
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from pipeline.services.anonymization.detectors import LABELS
from tests.chaos.__main__ import folder
from tests.chaos.brokers import Valkey
from tests.chaos.cluster import Cluster, database, manage, parley_processes, wait_until
from tests.end_to_end import places
from tests.end_to_end.canaries import CANARIES, ELSEWHERE, said_in
from tests.end_to_end.scripted import recording
from tests.running import environment_of, free_port
from webapp.stack import environment, postgres

SECONDS = 600  # on a machine that has other things to do

ENGLISH, FRENCH = said_in("en"), said_in("fr")
SAID = [each for language in CANARIES.values() for each in language]
SPOKEN = tuple(dict.fromkeys(form for each in SAID for form in each.nowhere))
IN_A_TRANSCRIPT = SPOKEN + tuple(form for each in SAID for form in each.short)

# What is written of a call, by its sender and by who opens it.
FILE_NAME, EXTERNAL_ID, CUSTOMER, FIELD = "Zebulon-Quartermaine", "Crabtree-7731", "Drusilla Haverstock", "Haverstock's"
TITLE, MANIFEST_ID, MANIFEST_CUSTOMER, IN_ZIP = "Barnaby", "Fenwick-4412", "Lavinia", "Peregrine"
BROKEN, REASON, HEADER = "Thaddeus", "Araminta", "Ermengarde"
WRITTEN = (
    "Zebulon", "Quartermaine", "Crabtree", "7731", "Drusilla", "Haverstock", "Barnaby", "Fenwick", "4412", "Lavinia",
    "Peregrine", "Thaddeus", "Araminta", "Ermengarde",
)  # fmt: skip
USERS = """
from django.contrib.auth import get_user_model
User = get_user_model()
admin = User.objects.get(username="admin")
admin.let("open_raw_data", True)
User.objects.create_user("ann", password={password!r}, organization=admin.organization, role="agent")
"""


def pattern_of(canaries: tuple[str, ...]) -> re.Pattern[str]:
    """Any of these, on its own and not within a longer number or word, nor as gunicorn's "[4412] [INFO]" of a process."""
    written = "|".join(re.escape(each) for each in sorted(canaries, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?!\d+\] \[)(?:{written})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True)
class System:
    """A running Parley through which all canaries have gone."""

    url: str
    cluster: Cluster
    broker: Valkey
    calls: dict[str, str]

    @property
    def database_url(self) -> str:
        """Where its database is."""
        return self.cluster.environ["DATABASE_URL"]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """The system, when all is done."""
    with running() as system:
        yield system


@contextmanager
def running() -> Iterator[System]:
    """Start it, send all calls, open raw data, and wait."""
    with folder(keep=False) as home:
        port, broker = free_port(), Valkey(home)
        environ = {**environment_of(home.path, port), **environment.embedded(home)}
        names = ("web", "ledger-1", "worker-gpu", "worker-cpu-1")
        parley = [each for each in parley_processes(port, "tests.end_to_end.scripted") if each.name in names]
        cluster = Cluster(home, environ, [database(home), broker.process, *parley])
        try:
            cluster.start("database", "broker")
            postgres.wait_until_ready(home)
            broker.wait_until_ready()
            manage(cluster, "migrate", "--verbosity", "0", "--skip-checks")
            manage(cluster, "collectstatic", "--noinput", "--verbosity", "0")
            manage(cluster, "bootstrap")
            manage(cluster, "shell", "--verbosity", "0", "-c", USERS.format(password=places.PASSWORD))
            token = manage(cluster, "create_token", "admin").splitlines()[-1]
            cluster.start("web", "ledger", "worker")
            url = f"http://127.0.0.1:{port}"
            assert wait_until(lambda: answers(url), SECONDS)
            yield System(url, cluster, broker, send_everything(url, token, cluster))
        finally:
            cluster.close()


def answers(url: str) -> bool:
    """Whether the web server is there."""
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def send_everything(url: str, token: str, cluster: Cluster) -> dict[str, str]:
    """Send calls by the API and by a batch, wrongly and twice too; when they are done, open raw data of one."""
    headers = {"Authorization": f"Token {token}", "Idempotency-Key": HEADER}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60) as api:
        spoken = recording(ENGLISH, TITLE)
        said = {"external_id": EXTERNAL_ID, "metadata": json.dumps({"customer": CUSTOMER, FIELD: [CUSTOMER]})}
        english = api.post("/conversations/", files={"audio": (f"{FILE_NAME}.wav", spoken)}, data=said).json()["id"]
        del api.headers["Idempotency-Key"]
        again = api.post("/conversations/", files={"audio": (f"{IN_ZIP}.wav", spoken)}, data=said)
        assert (again.status_code, again.json()["id"]) == (200, english)
        wrong = {"external_id": EXTERNAL_ID * 90, "language": CUSTOMER, "metadata": CUSTOMER, "started_at": CUSTOMER}
        assert api.post("/conversations/", files={"audio": (f"{BROKEN}.wav", b"")}, data=wrong).status_code == 400
        broken = api.post("/conversations/", files={"audio": (f"{BROKEN}.wav", BROKEN.encode() * 99)}, data=said)
        french = send_batch(url)
        calls = {"english": english, "french": french, "broken": broken.json()["id"]}
        left = "select count(*) as n from conversations_conversation where status not in ('completed', 'failed')"
        states = "select service, state, error from conversations_delivery"
        assert wait_until(lambda: cluster.query(left)[0]["n"] == 0, SECONDS), cluster.query(states)
        for what in ("audio", "transcript"):
            asked = {"what": what, "reason": f"{REASON} {CUSTOMER} asked for it"}
            assert api.post(f"/conversations/{english}/raw/", json=asked).status_code == 200
    return calls


def send_batch(url: str) -> str:
    """Upload a zip and a manifest in the admin; the id of the call in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{IN_ZIP}/{IN_ZIP}.wav", recording(FRENCH, TITLE))
        archive.writestr(f"{IN_ZIP}/{BROKEN}.txt", BROKEN)
    manifest = (
        f"file,external_id,language,kunde\n{IN_ZIP}.wav,{MANIFEST_ID},fr,{MANIFEST_CUSTOMER}\nno-{BROKEN}.wav,,,\n"
    )
    with places.signed_in(url) as browser:
        files = {"files": (f"{IN_ZIP}.zip", buffer.getvalue()), "manifest": (f"{FILE_NAME}.csv", manifest.encode())}
        page = places.send(browser, "/admin/conversations/batch/upload/", {"name": "June"}, files=files)
        assert page.status_code == 200, page.text
        listed = browser.get("/api/v1/conversations/?language=fr").json()["results"]
        listed = listed or browser.get("/api/v1/conversations/").json()["results"]
        return str(next(call["id"] for call in listed if call["batch"]))


# ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_calls_came_through_and_what_is_no_canary_is_found(system: System) -> None:
    with places.signed_in(system.url) as browser:
        status = {
            name: browser.get(f"/api/v1/conversations/{id}/").json()["status"] for name, id in system.calls.items()
        }
        assert status == {"english": "completed", "french": "completed", "broken": "failed"}
        for name, query in (("english", "charged twice"), ("french", "facture")):
            hits = browser.get("/api/v1/search/", params={"q": query}).json()["results"]
            assert system.calls[name] in {hit["conversation"] for hit in hits}


@pytest.mark.parametrize(("call", "language"), [("english", "en"), ("french", "fr")])
def test_every_kind_of_personal_data_is_said_and_hidden_and_none_of_it_is_in_the_transcript(
    system: System, call: str, language: str
) -> None:
    kinds = set(LABELS) - ELSEWHERE[language]
    assert {each.label for each in CANARIES[language]} == kinds, "a label without a canary"
    with places.signed_in(system.url) as browser:
        transcript = browser.get(f"/api/v1/conversations/{system.calls[call]}/transcript/").json()
    assert {each["label"] for each in transcript["redactions"]} == kinds
    shown = [each["text"] for each in transcript["utterances"]]
    timed = [" ".join(word["text"] for word in each["words"]) for each in transcript["utterances"]]
    assert places.hits([places.Place("words", "\n".join([*shown, *timed]))], pattern_of(IN_A_TRANSCRIPT)) == []


def stems(system: System) -> tuple[str, ...]:
    """What the search index makes of the names among the canaries, in either language."""
    query = "select lexeme from unnest(to_tsvector('parley_en', %s)) union select lexeme from unnest(to_tsvector('parley_fr', %s))"
    names = [each for each in SPOKEN + WRITTEN if each.isalpha()]
    found = {row["lexeme"] for name in names for row in system.cluster.query(query, name, name)}
    assert "ottolin" in found
    return tuple(found)


def test_no_canary_is_in_a_table_or_in_a_dump_of_the_database(system: System) -> None:
    everything = pattern_of(SPOKEN + WRITTEN + stems(system))
    assert places.hits(places.tables(system.database_url), everything) == []
    assert places.hits(places.dump(system.database_url), everything) == []


def test_no_canary_is_in_a_blob_a_log_or_the_arguments_of_a_program(system: System) -> None:
    home = system.cluster.home.path
    assert places.hits(places.files(home, "blobs", "keys", "logs"), pattern_of(SPOKEN + WRITTEN)) == []
    assert places.hits(places.arguments(), pattern_of(SPOKEN + WRITTEN)) == []


def test_no_canary_was_ever_on_the_broker(system: System) -> None:
    with system.broker.client() as client:
        keys = [(key, client.dump(key) or b"") for key in client.keys("*")]
    left = [places.Place(f"key {key!r}", value.decode("utf-8", "replace")) for key, value in keys]
    traffic = [*places.files(system.cluster.home.path, "traffic"), *left]
    assert places.hits(traffic, re.compile("TranscriptAnonymized"))  # messages are packed, and were unpacked
    assert places.hits(traffic, pattern_of(SPOKEN + WRITTEN)) == []


def test_nothing_said_is_on_a_page_or_in_the_api_for_an_admin(system: System) -> None:
    admin = [f"/admin/conversations/{name}/" for name in ("conversation", "batch", "rawaccess", "delivery", "parked")]
    admin += [f"/admin/conversations/conversation/{id}/change/" for id in system.calls.values()]
    with places.signed_in(system.url) as browser:
        assert places.hits(places.answers(browser, *admin), pattern_of(SPOKEN)) == []


def test_nothing_said_or_written_is_on_a_page_or_in_the_api_for_an_agent(system: System) -> None:
    with places.signed_in(system.url, "ann") as browser:
        assert places.hits(places.answers(browser), pattern_of(SPOKEN + WRITTEN)) == []
        for id in system.calls.values():
            assert browser.get(f"/conversations/{id}/raw/").status_code == 403


def test_a_search_for_a_canary_finds_nothing(system: System) -> None:
    with places.signed_in(system.url) as browser:
        for canary in SPOKEN + WRITTEN:
            found = browser.get("/api/v1/search/", params={"q": f'"{canary}"'}).json()["results"]
            assert found == [], canary
            page = browser.get("/", params={"q": canary}).text
            assert "<mark>" not in page, canary


@pytest.mark.parametrize("canary", SPOKEN + WRITTEN)
def test_a_canary_would_be_found(canary: str) -> None:
    pattern, said = pattern_of(SPOKEN + WRITTEN), f"it is {canary.upper()}, yes. {' ' * 1000}"
    assert places.hits([places.Place("plain", said)], pattern)
    hidden = f"\\x{said.encode().hex()}"
    assert places.hits([places.Place("bytes of a dump", hidden)], pattern)
