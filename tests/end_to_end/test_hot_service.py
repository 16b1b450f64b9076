"""A service is written by following docs/add-a-service.md to the letter, and joins a running system; workers come and go.

The workers have stand-ins for the five services, which need no models (``tests/chaos/workers.py``); the new service,
the ledgers, the servers and the calls' way through them are the real ones.
"""

from pathlib import Path

from tests.chaos.cluster import ROOT, wait_until
from tests.end_to_end.hot_system import FIVE, SECONDS, HotSystem, hot_system
from tests.end_to_end.written import copy_checkout, follow, steps_of

COMPLETED = "select count(*) from conversations_conversation where status = 'completed'"
MEASURED = "select count(*) from conversations_event where type = 'TalkTimeMeasured'"
UNFINISHED = "select count(*) from conversations_delivery where state <> 'done'"
PARKED = "select count(*) from conversations_parked"


def test_a_service_written_to_the_letter_joins_a_running_system_and_workers_come_and_go(tmp_path: Path) -> None:
    with hot_system() as system:
        calls_are_completed_by_the_code_of_today(system)
        checkout = checkout_with_the_new_service(tmp_path)
        the_ledgers_are_restarted_while_calls_flow(system, checkout)
        a_worker_with_the_new_service_answers_new_calls_and_old_ones(system, checkout)
        a_second_worker_takes_work_and_leaves(system, checkout)
        assert system.number(PARKED) == 0
        assert system.number(UNFINISHED) == 0


def checkout_with_the_new_service(folder: Path) -> Path:
    """A copy of this checkout in which the page was followed."""
    copy_checkout(folder)
    for step in steps_of((ROOT / "docs" / "add-a-service.md").read_text(encoding="utf-8")):
        follow(step, folder)
    stand_ins = folder / "tests" / "chaos" / "workers.py"  # they take the place of the five, after all were registered
    text = stand_ins.read_text(encoding="utf-8").replace(
        "import msgspec\n", "import msgspec\n\nfrom pipeline import tasks\n"
    )
    stand_ins.write_text(text, encoding="utf-8")
    return folder


def calls_are_completed_by_the_code_of_today(system: HotSystem) -> None:
    for name in ("ledger-1", "ledger-2", "worker-gpu", "worker-cpu-1"):
        system.start(name)
    system.send(5)
    system.wait_until_there_are(5, COMPLETED)


def the_ledgers_are_restarted_while_calls_flow(system: HotSystem, checkout: Path) -> None:
    system.cluster.environ["PARLEY_SERVICES"] = ",".join([*FIVE, "talk_time"])
    for name in ("ledger-1", "ledger-2"):
        system.send(4)
        system.restart(name, checkout)


def a_worker_with_the_new_service_answers_new_calls_and_old_ones(system: HotSystem, checkout: Path) -> None:
    system.restart("worker-cpu-1", checkout)
    system.wait_until_there_are(system.sent, COMPLETED)
    system.wait_until_there_are(system.sent, MEASURED)


def a_second_worker_takes_work_and_leaves(system: HotSystem, checkout: Path) -> None:
    system.process("worker-cpu-2").checkout = checkout
    system.start("worker-cpu-2")
    assert wait_until(lambda: "ready." in system.log("worker-cpu-2"), SECONDS)
    system.send(12)
    assert wait_until(lambda: " received" in system.log("worker-cpu-2"), SECONDS), "it was given no work"
    assert system.stop("worker-cpu-2") == 0
    assert " succeeded in " in system.log("worker-cpu-2"), "what it had in hand was not finished"
    system.wait_until_there_are(system.sent, COMPLETED)
    system.wait_until_there_are(system.sent, MEASURED)
