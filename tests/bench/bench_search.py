"""``make bench-search``: the API's search and the list page's, over 50,000 invented utterances in a real Postgres.

Words are drawn with a fixed seed: common ones, words of support calls, and a long tail, so that queries find between
none and thousands of utterances. Times are those of whole requests, in the process.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import say
from webapp.stack import environment, postgres
from webapp.stack.home import Home

CALLS, UTTERANCES, ROUNDS = 1250, 40, 15
QUERIES = (
    "refund", '"duplicate charge"', "refund -bill", "aisle seat", "internet or router", "remboursement", "réservé",
    "colis livraison", "account", "technician password", "unheard-of", "tracking warehouse delay",
)  # fmt: skip
COMMON = "the a of to and I you it is was we can my for this have not call please thank sorry number account name"
SUPPORT = """refund charged bill duplicate charge cancel subscription price increase offer flight change aisle seat fee
internet outage router light technician password reset locked link delivery delay tracking warehouse hotel booking"""
FRENCH = """la de et je vous est pas pour dans remboursement facture annuler abonnement prix colis livraison retard mot
passe réclamation voyage réservé déjà élève hôtel"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        home = Home(Path(folder))
        home.create()
        os.environ |= {**environment.embedded(home), "DJANGO_SETTINGS_MODULE": "webapp.settings"}
        (home.path / "static").mkdir()
        with postgres.running(home, durable=False):
            measure()


def measure() -> None:
    """Fill a database and search it."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from conversations.models import Conversation
    from conversations.search import best_passages, search_conversations
    from tests.factories import make_organization, make_user, token_header

    call_command("migrate", verbosity=0)
    user = make_user(organization := make_organization())
    fill(organization)
    client = Client(headers={**token_header(user), "Host": "localhost"})

    def list_page(q: str) -> None:
        found = search_conversations(Conversation.objects.of(organization), q)
        found.count()
        best_passages(found[:20], q)

    report("search_api", lambda q: client.get("/api/v1/search/", {"q": q}))
    report("search_list_page", list_page)


def report(name: str, search: Callable[[str], object]) -> None:
    """Print the median and the 95th percentile of all queries, some rounds each."""
    for q in QUERIES:
        search(q)
    milliseconds = []
    for q in QUERIES * ROUNDS:
        started = time.perf_counter()
        search(q)
        milliseconds.append((time.perf_counter() - started) * 1000)
    say(f"{name}_p50", statistics.median(milliseconds), "ms")
    say(f"{name}_p95", statistics.quantiles(milliseconds, n=20)[-1], "ms")


def fill(organization: object) -> None:
    """Invent calls, every fourth a French one."""
    from django.db import connection

    from tests.factories import make_conversation

    chance = random.Random(2)
    tail = ["".join(chance.choice("bcdfglmnprst") + chance.choice("aeiou") for _ in range(3)) for _ in range(20000)]
    words = {"en": (COMMON.split(), SUPPORT.split(), tail), "fr": (FRENCH.split(), FRENCH.split(), tail)}
    for number in range(CALLS):
        language = "fr" if number % 4 == 0 else "en"
        said = [
            " ".join(
                chance.choice(chance.choices(words[language], (12, 3, 5))[0]) for _ in range(chance.randint(6, 25))
            )
            for _ in range(UTTERANCES)
        ]
        make_conversation(
            organization,
            [(("agent", "customer")[place % 2], each) for place, each in enumerate(said)],
            language=language,
        )
    with connection.cursor() as cursor:
        cursor.execute("analyze")


if __name__ == "__main__":
    main()
