"""An old ledger, invented by SQL: calls of the past, all they said and were owed, and a little that is due now.

A call is seven events, five deliveries that are done and an attempt for each, which is what the cascade leaves when
nothing fails. Calls are spread evenly over a year and unevenly over twenty organizations: the first has a fifth.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

EVENTS_A_CALL, ORGANIZATIONS, PENDING_EACH = 7, 20, 100
FIRST = "00000000-0000-4000-8000-000000000000"

# What an event says is a blob or four, each of the length it has in the field.
CALLS = """
select setseed(0.5);
insert into conversations_organization (id, name, languages, vocabulary, taxonomy, redaction)
select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid, 'Organization ' || number, '[]', '[]', '{}', '{}'
from generate_series(0, %(organizations)s - 1) number;

create temporary table step (place int, service text, type text, source text, blobs text[], after interval);
insert into step values
    (0, 'transcription', 'ConversationReceived', 'monolith', '{audio,settings}', '0 s'),
    (1, 'entity_tagging', 'ConversationTranscribed', 'transcription', '{audio,settings,transcript}', '40 s'),
    (2, 'anonymization', 'EntitiesTagged', 'entity_tagging', '{audio,settings,transcript,entities}', '41 s'),
    (3, 'audio_redaction', 'TranscriptAnonymized', 'anonymization', '{audio,settings,transcript,entities}', '44 s'),
    (4, 'qualification', 'AudioRedacted', 'audio_redaction', '{master,player,peaks}', '50 s'),
    (5, null, 'ConversationQualified', 'qualification', '{tags}', '50.5 s'),
    (6, null, 'ConversationCompleted', 'monolith', '{}', '51 s');

create temporary table call as
select number, moment, uuid_at(moment, 'call' || number) as id, uuid_at(moment, 'run' || number) as run,
       ('00000000-0000-4000-8000-' || lpad(floor(%(organizations)s * random() * random())::int::text, 12, '0'))::uuid as tenant
from generate_series(1, %(calls)s) number
cross join lateral (select now() - interval '1 hour' - (1 - number / %(calls)s::float) * interval '365 days' as moment) at;
"""

UUID_AT = """
create function pg_temp.uuid_at(moment timestamptz, salt text) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(salt), 1, 3) || '8' || substr(md5(salt), 4, 15))::uuid
$$;
create function pg_temp.id_of(run uuid, place int) returns uuid language sql immutable as $$
    select case place when 0 then run else overlay(overlay(md5(run::text || place) placing '5' from 13) placing '8' from 17)::uuid end
$$;
"""

CONVERSATIONS = """
insert into conversations_conversation
    (id, organization_id, status, lane, run, audio, audio_digest, external_id_digest, agent, requested_language,
     speakers, received_at, completed_at, language, duration, channels, engine, flags, failure_service, failure_code)
select id, tenant, 'completed', mod(number, 2), run, '{}', md5(id::text) || md5(run::text), '', 'Alice Martin', '',
       '{agent,customer}', moment, moment + interval '51 s', 'en', 312.5, 2, 'faster-whisper small', '{}', '', ''
from call
"""

SAID = """
insert into conversations_event
    (id, source, type, subject, tenant, correlationid, causationid, traceparent, time, recorded_at, data)
select pg_temp.id_of(run, place), source, type, call.id, tenant, run,
       case place when 0 then null when 5 then pg_temp.id_of(run, 3) else pg_temp.id_of(run, place - 1) end,
       '00-' || md5(run::text) || '-' || left(md5(place::text), 16) || '-01', moment + after, moment + after,
       coalesce((select jsonb_object_agg(name, jsonb_build_object(
           'key', format('raw/%s/%s/%s', tenant, call.id, md5(name || run) || md5(run || name)),
           'sha256', md5(name || run) || md5(run || name), 'size', 123456, 'media_type', 'application/json'))
           from unnest(blobs) name), '{}') || '{"language": "en", "duration": 312.5}'
from call cross join step order by moment + after
"""

OWED = """
with owed as (
    insert into conversations_delivery
        (event_id, service, state, subject, tenant, correlationid, lane, attempts, sends, most_sends, created_at, due_at,
         sent_at, started_at, deadline, done_at, error, progress_done, progress_total)
    select pg_temp.id_of(run, least(place, 3)), service, 'done', call.id, tenant, run, mod(number, 2), 1, 1, 15,
           moment + after, moment + after, moment + after + interval '1 s', moment + after + interval '2 s',
           moment + after + interval '32 s', moment + after + interval '6 s', '', 1, 1
    from call cross join step where service is not null order by moment + after
    returning id, sent_at, started_at, done_at
)
insert into conversations_attempt (delivery_id, number, sent_at, started_at, ended_at, outcome, exception, locations)
select id, 1, sent_at, started_at, done_at, 'done', '', '{}' from owed
"""

# What waits: for each service a hundred, of three organizations and both lanes. And one each in flight.
WAITING = """
insert into conversations_delivery
    (event_id, service, state, subject, tenant, correlationid, lane, attempts, sends, created_at, due_at, sent_at,
     started_at, deadline)
select pg_temp.id_of(run, least(place, 3)), service, case when number = %(flight)s then state else 'pending' end,
       call.id, tenant, run, mod(number, 2), 0, (number = %(flight)s)::int, moment, moment,
       case when number = %(flight)s then now() end,
       case when number = %(flight)s and state = 'running' then now() end,
       case when number = %(flight)s and state = 'running' then now() + interval '1 hour' end
from call cross join step
cross join lateral (select case when place in (0, 4) then 'running' else 'sent' end as state) at
where service is not null
"""
NOW = """
truncate call;
insert into call
select number, moment, pg_temp.uuid_at(moment, 'now' || number), pg_temp.uuid_at(moment, 'run now' || number),
       ('00000000-0000-4000-8000-' || lpad((mod(number, 3))::text, 12, '0'))::uuid
from generate_series(%(first)s, %(last)s) number
cross join lateral (
    select now() - interval '10 minutes' + mod(number, 500) * interval '1 s' as moment) at
"""


@contextmanager
def filled(url: str, events: int, autovacuum: bool) -> Iterator[psycopg.Connection]:
    """Fill a migrated database with so many past events, and what is due now: 500 deliveries, five in flight."""
    calls = {"calls": events // EVENTS_A_CALL, "organizations": ORGANIZATIONS}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("set session_replication_role = replica")  # the invented refer to each other as they should
        connection.execute(UUID_AT)
        connection.execute(CALLS.replace("uuid_at(", "pg_temp.uuid_at("), calls)
        for statement in (CONVERSATIONS, SAID, OWED):
            connection.execute(statement)
        connection.execute("vacuum (analyze)")  # as autovacuum does in time; what is due now came later
        for table in ("event", "delivery", "attempt"):
            connection.execute(f"alter table conversations_{table} set (autovacuum_enabled = {autovacuum})")
        arrive(connection, 1, PENDING_EACH + 1, PENDING_EACH + 1)
        yield connection


def arrive(connection: psycopg.Connection, first: int, last: int, in_flight: int) -> None:
    """Let calls come in, each with a delivery for each service; those of the call ``in_flight`` are on their way.

    ``connection`` is that of ``filled``, whose temporary tables this needs.
    """
    calls = {"first": first, "last": last, "flight": in_flight}
    connection.execute(NOW, calls)
    connection.execute(CONVERSATIONS.replace("'completed'", "'processing'"))
    connection.execute(SAID)
    connection.execute(WAITING, calls)
