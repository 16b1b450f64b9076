"""What must hold when the storm is over, in the manner of Jepsen's total-queue.

Every acknowledged call is there, with its bytes, and has ended exactly once; a call whose outcome is unknown may be
there or not; no other is. The tables and blobs are read from outside, by SQL and file, not through Parley's models.
"""

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from pipeline.config import load as load_config
from pipeline.events import Blob
from pipeline.storage import BlobStore, StorageError, store_of
from tests.chaos.cluster import Cluster
from tests.chaos.load import Load, Outcome, Upload
from tests.chaos.storm import Storm

Row = dict[str, Any]
WHOLE = Counter(
    (
        ("monolith", "ConversationReceived"),
        ("transcription", "ConversationTranscribed"),
        ("entity_tagging", "EntitiesTagged"),
        ("anonymization", "TranscriptAnonymized"),
        ("audio_redaction", "AudioRedacted"),
        ("qualification", "ConversationQualified"),
        ("monolith", "ConversationCompleted"),
    )
)
FAILED = ("ledger", "ConversationFailed")
OFF = "select service from conversations_subscription where switched_off"
INTERRUPTED = """
select s.queue, extract(epoch from a.started_at)::float as began, extract(epoch from a.ended_at)::float as ended,
       extract(epoch from coalesce(b.started_at, b.ended_at))::float as again
from conversations_attempt a
join conversations_attempt b on b.delivery_id = a.delivery_id and b.number = a.number + 1
join conversations_delivery d on d.id = a.delivery_id
join conversations_subscription s on s.service = d.service
where a.outcome = 'lease_expired' and b.ended_at is not null
"""
LAST_WORDS = """
select d.subject, d.service, string_agg(concat_ws(' ', a.outcome, a.exception, a.locations::text), '; ' order by a.number) as words
from conversations_delivery d join conversations_attempt a on a.delivery_id = d.id
where d.state = 'dead' group by d.subject, d.service
"""
TABLES = "select tablename as name from pg_tables where schemaname = 'public'"
UNTIL: dict[str, int] = {"transcription": 1, "anonymization": 3, "qualification": 5}  # events before a poison's end


@dataclass
class Findings:
    """What was found, a sentence each."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


@dataclass
class Remains:
    """Everything that is there after the storm."""

    calls: list[Row]
    events: list[Row]
    deliveries: list[Row]
    parked: list[Row]
    switched_off: set[str]
    last_words: dict[tuple[UUID, str], str]
    utterances: Counter[UUID]
    tags: Counter[UUID]

    @classmethod
    def of(cls, cluster: Cluster) -> "Remains":
        """Read it."""
        counted = "select conversation_id as id, count(*) as n from conversations_{} group by 1"
        return cls(
            calls=cluster.query("select * from conversations_conversation"),
            events=cluster.query("select * from conversations_event"),
            deliveries=cluster.query("select * from conversations_delivery"),
            parked=cluster.query("select * from conversations_parked"),
            last_words={(row["subject"], row["service"]): row["words"] for row in cluster.query(LAST_WORDS)},
            switched_off={row["service"] for row in cluster.query(OFF)},
            utterances=Counter({row["id"]: row["n"] for row in cluster.query(counted.format("utterance"))}),
            tags=Counter({row["id"]: row["n"] for row in cluster.query(counted.format("tag"))}),
        )


def check(storm: Storm, leftovers: list[str]) -> tuple[Findings, Remains]:
    """Every invariant."""
    assert storm.load
    load, remains, findings = storm.load, Remains.of(storm.cluster), Findings()
    store = store_of(load_config(storm.cluster.environ))
    findings.unexpected += storm.wrong + leftovers
    check_uploads(remains, load, store, findings)
    check_events(remains, load, findings)
    check_causes(remains, findings)
    check_blobs(remains, storm, store, findings)
    check_deliveries(remains, load, findings)
    check_parked(remains, storm, findings)
    check_secrecy(storm, load.canary, findings)
    return findings, remains


def check_uploads(remains: Remains, load: Load, store: BlobStore, findings: Findings) -> None:
    """Acknowledged calls are there with their bytes; none is there that nobody sent; the same bytes are one call."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in remains.calls:
        rows[row["agent"]].append(row)
    for upload in load.uploads:
        there = rows.pop(upload.agent, [])
        ids = {str(row["id"]) for row in there}
        if upload.outcome is Outcome.OK and not upload.ids <= ids:
            findings.lost.append(f"{upload.agent}: acknowledged, and not there")
        if len(there) > 1 or len(upload.ids) > 1:
            findings.duplicated.append(f"{upload.agent}: {len(there)} calls, {len(upload.ids)} ids were answered")
        if there and upload.outcome in (Outcome.NEVER, Outcome.FAILED):
            findings.unexpected.append(f"{upload.agent}: there, though its outcome was {upload.outcome.name}")
        for row in there:
            check_content(row, upload, store, findings)
    findings.unexpected += [f"a call of {agent!r}, whom nobody knows" for agent in rows]


def check_content(row: Row, upload: Upload, store: BlobStore, findings: Findings) -> None:
    """The bytes that were sent are the bytes that are kept."""
    blob = msgspec.convert(row["audio"], Blob)
    try:
        kept = store.read(blob, str(row["organization_id"]), str(row["id"]))
    except StorageError as error:
        findings.lost.append(f"{upload.agent}: its audio cannot be read ({type(error).__name__})")
        return
    if kept != upload.content:
        findings.lost.append(f"{upload.agent}: its audio is not what was sent")


def check_events(remains: Remains, load: Load, findings: Findings) -> None:
    """Each call has ended, with exactly the events and effects that it should have."""
    said: dict[UUID, Counter[tuple[str, str]]] = defaultdict(Counter)
    for event in remains.events:
        said[event["correlationid"]][event["source"], event["type"]] += 1
    poisons = {upload.agent: upload.call.poison for upload in load.uploads}
    for row in remains.calls:
        poison = poisons.get(row["agent"], "")
        wanted, status = expected(poison)
        there = said.pop(row["run"], Counter())
        if row["status"] not in ("completed", "failed"):
            findings.stuck.append(f"{row['agent']}: still {row['status']}")
            continue
        if row["status"] != status:
            findings.unexpected.append(
                f"{row['agent']}: {row['status']} by {row['failure_service']}, {row['failure_code']}"
            )
        findings.lost += [f"{row['agent']}: no {type}" for _, type in (wanted - there).elements()]
        more = "duplicated" if there.keys() <= wanted.keys() else "unexpected"
        getattr(findings, more).extend(f"{row['agent']}: one more {type}" for _, type in (there - wanted).elements())
        invented = load.content_of is msgspec.json.encode
        if invented and not poison and (remains.utterances[row["id"]], remains.tags[row["id"]]) != (1, 1):
            findings.duplicated.append(f"{row['agent']}: an effect not once")
    findings.unexpected += [f"a run {run} of no call" for run in said]


def expected(poison: str) -> tuple[Counter[tuple[str, str]], str]:
    """The events and the status that a call should end with."""
    if not poison:
        return WHOLE, "completed"
    before = Counter(each for number, each in enumerate(WHOLE) if number < UNTIL[poison])
    return before + Counter([FAILED]), "failed"


def check_causes(remains: Remains, findings: Findings) -> None:
    """Every event that has a cause has one that is there."""
    known = {event["id"] for event in remains.events}
    causes = [event for event in remains.events if event["causationid"] is not None]
    findings.lost += [f"the cause of a {event['type']}" for event in causes if event["causationid"] not in known]


def check_blobs(remains: Remains, storm: Storm, store: BlobStore, findings: Findings) -> None:
    """Every blob in an event is there, whole; and nothing that is there is half written."""
    for event in remains.events:
        for value in event["data"].values():
            if not isinstance(value, dict) or "sha256" not in value:
                continue
            try:
                for _ in store.stream(msgspec.convert(value, Blob), str(event["tenant"]), str(event["subject"])):
                    pass
            except StorageError as error:
                findings.lost.append(f"a blob of a {event['type']} ({type(error).__name__})")
    for kind in ("raw", "safe"):
        for path in (storm.blobs / kind).glob("*/*/*"):
            key = path.relative_to(storm.blobs).as_posix()
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.name and key not in storm.damaged:
                findings.unexpected.append(f"a blob under {kind}/ that is half written")


def check_deliveries(remains: Remains, load: Load, findings: Findings) -> None:
    """Each event was owed once to each service; the dead are the poisons."""
    owed = Counter((row["event_id"], row["service"]) for row in remains.deliveries)
    findings.duplicated += [f"a delivery to {service}" for (_, service), count in owed.items() if count > 1]
    poison = {upload.agent: upload.call.poison for upload in load.uploads if upload.call.poison}
    poisoned = {(row["id"], poison[row["agent"]]) for row in remains.calls if row["agent"] in poison}
    states = {(row["subject"], row["service"]): row["state"] for row in remains.deliveries if row["state"] != "done"}
    for (subject, service), state in states.items():
        if state == "pending" and service in remains.switched_off:
            continue  # it is given them when it is switched on again
        if state != "dead":
            findings.stuck.append(f"a delivery to {service} is {state}")
        elif (subject, service) not in poisoned:
            why = remains.last_words.get((subject, service), "")
            findings.unexpected.append(f"a delivery to {service} is dead, and was no poison: {why}")


def check_parked(remains: Remains, storm: Storm, findings: Findings) -> None:
    """Parked is what strangers said, and nothing else."""
    for row in remains.parked:
        known = isinstance(row["record"], list) and {each.get("id") for each in row["record"]} <= storm.strangers
        if not known:
            what = [each.get("type") for each in row["record"]] if isinstance(row["record"], list) else "bytes"
            findings.unexpected.append(f"parked for {row['error']}: {what}")


def check_secrecy(storm: Storm, canary: str, findings: Findings) -> None:
    """What is personal was in no message, table, log or argument, and in no blob that is not sealed."""
    cluster = storm.cluster
    if storm.broker.overheard(canary):
        findings.unexpected.append("a canary on the broker")
    places = [path for path in (*cluster.home.logs.iterdir(), *storm.blobs.rglob("*")) if path.is_file()]
    secret = canary.encode()
    findings.unexpected += [f"a canary in {path.name}" for path in places if secret in path.read_bytes()]
    for table in cluster.query(TABLES):
        counted = f'select count(*) as n from "{table["name"]}" as t where t::text like %s'  # noqa: S608 (Postgres's own names)
        if cluster.query(counted, f"%{canary}%")[0]["n"]:
            findings.unexpected.append(f"a canary in the table {table['name']}")
    findings.unexpected += [
        f"a canary in the arguments of {name}" for name, words in storm.arguments if canary in words
    ]


def publishes_per_event(remains: Remains, load: Load) -> float:
    """How often a delivery was put on a queue, on average; poisons, which are meant to fail, apart."""
    poisons = {upload.agent for upload in load.uploads if upload.call.poison}
    aside = {row["id"] for row in remains.calls if row["agent"] in poisons}
    sends = [row["sends"] for row in remains.deliveries if row["subject"] not in aside]
    return round(sum(sends) / len(sends), 2) if sends else 0.0


def recovery_p95(storm: Storm) -> float | None:
    """Seconds from the kill of a worker until what it had in hand is worked on again, 95th percentile."""
    attempts = storm.cluster.query(INTERRUPTED)
    took = sorted(
        row["again"] - moment
        for row in attempts
        for moment, queue in storm.killed_at
        if queue == row["queue"] and row["began"] <= moment <= row["ended"]
    )
    return round(took[math.ceil(0.95 * len(took)) - 1], 1) if took else None
