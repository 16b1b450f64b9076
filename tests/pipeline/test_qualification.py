"""Qualification: rules on invented words, the starter taxonomy on invented calls."""

import random
import time
from pathlib import Path

import pytest

from pipeline.documents import Rule, Tag, TagDefinition, Taxonomy, Transcript, Utterance, Word, decode
from pipeline.services.qualification import EVIDENCE_PER_TAG, qualify

STARTER = Path(__file__).parents[2] / "conversations" / "taxonomies" / "support.json"
Line = tuple[str, float, str]  # speaker, start, text


def call(*lines: Line, duration: float = 120.0, language: str = "en") -> Transcript:
    """A call of these lines; each word lasts 0.4 s, two begin 0.5 s apart."""
    utterances = []
    for index, (speaker, start, text) in enumerate(lines):
        words = tuple(
            Word(text=word, start=start + position / 2, end=start + position / 2 + 0.4)
            for position, word in enumerate(text.split(" "))
        )
        end = words[-1].end or start
        channel = 0 if speaker == "agent" else 1
        utterances.append(
            Utterance(index=index, speaker=speaker, channel=channel, start=start, end=end, text=text, words=words)
        )
    return Transcript(language=language, duration=duration, utterances=tuple(utterances), channels=2)


def tags_by(transcript: Transcript, *rules: Rule) -> tuple[Tag, ...]:
    """What a taxonomy of one tag with these rules gives."""
    taxonomy = Taxonomy(tags=(TagDefinition(tag="it", name="It", rules=rules),))
    return qualify(transcript, taxonomy).tags


REFUND = call(
    ("agent", 1.0, "Hello, how can I help?"),
    ("customer", 5.0, "I'd like a refund for order [CODE_1], please."),
    ("agent", 20.0, "Your refund will take five days."),
    ("customer", 100.0, "Thank you. Good bye!"),
)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Rule(any=("refund",)), True),
        (Rule(any=("REFUND FOR ORDER",)), True),
        (Rule(any=("fund",)), False),  # whole words
        (Rule(any=("refunds",)), False),
        (Rule(any=("like refund",)), False),  # the words of a phrase stand side by side
        (Rule(any=("i'd like",)), True),
        (Rule(any=("order code_1 please",)), True),  # punctuation does not count, a placeholder is a word
        (Rule(any=("[CODE_1]",)), True),
        (Rule(any=("help I'd",)), False),  # never from one speaker to the next
        (Rule(any=("complaint", "refund")), True),
        (Rule(all=("refund", "five days")), True),
        (Rule(all=("refund", "complaint")), False),
        (Rule(any=("hello",), all=("refund", "five days")), True),
        (Rule(any=("hey",), all=("refund", "five days")), False),  # all that is set must hold
        (Rule(any=("refund",), none=("complaint",)), True),
        (Rule(any=("refund",), none=("five days",)), False),
        (Rule(none=("complaint",)), True),
        (Rule(none=("refund",)), False),
        (Rule(none=("hello",), speaker="customer"), True),
        (Rule(none=("hello",), speaker="agent"), False),
        (Rule(none=("hello",), speaker="operator"), False),  # of somebody who is not heard nothing is missing
        (Rule(any=("five days",), speaker="agent"), True),
        (Rule(any=("five days",), speaker="customer"), False),
        (Rule(any=("hello",), first=2.0), True),
        (Rule(any=("refund",), first=2.0), False),
        (Rule(any=("refund",), first=30.0, speaker="customer"), True),
        (Rule(any=("good bye",), last=30.0), True),
        (Rule(any=("refund",), last=30.0), False),
        (Rule(none=("refund",), last=30.0), True),
        (Rule(all=("hello", "refund"), within=10.0), True),
        (Rule(all=("hello", "refund", "good bye"), within=10.0), False),
        (Rule(all=("hello", "good bye"), within=98.0), False),
        (Rule(all=("hello", "good bye"), within=101.0), True),
        (Rule(), False),  # a rule that says nothing
        (Rule(any=("",)), False),
        (Rule(all=("refund", "...")), False),
    ],
)
def test_a_rule_holds_when_all_that_it_sets_holds(rule: Rule, holds: bool) -> None:
    assert bool(tags_by(REFUND, rule)) is holds


@pytest.mark.parametrize(
    ("said", "phrase"),
    [
        ("Je veux être REMBOURSÉ.", "etre rembourse"),
        ("Je veux etre rembourse", "être remboursé"),
        ("Je veux e\u0302tre rembourse\u0301", "être remboursé"),  # accents as characters of their own
        ("un Œuf", "oeuf"),
        ("J\u2019ai un problème", "j'ai un probleme"),  # either apostrophe
        ("pouvez-vous me rappeler", "pouvez vous"),
        ("die Straße", "strasse"),
    ],
)
def test_case_accents_and_marks_make_no_difference(said: str, phrase: str) -> None:
    (tag,) = tags_by(call(("customer", 0.0, said)), Rule(any=(phrase,)))
    assert tag.evidence[0].words in said


def test_evidence_is_the_words_where_and_when_they_are_said() -> None:
    (tag,) = tags_by(REFUND, Rule(any=("refund for order",)))
    (evidence,) = tag.evidence
    text = REFUND.utterances[1].text
    assert (tag.tag, tag.name, tag.provenance) == ("it", "It", "rule:it")
    assert evidence.utterance == 1
    assert evidence.words == text[evidence.start_char : evidence.end_char] == "refund for order"
    assert (evidence.start, evidence.end) == (6.5, 7.9)


def test_what_was_not_said_has_no_evidence() -> None:
    (tag,) = tags_by(REFUND, Rule(none=("complaint",)))
    assert tag.evidence == ()


def test_a_phrase_may_run_on_in_the_next_utterance_of_its_speaker() -> None:
    halves = call(("customer", 0.0, "I want my money"), ("customer", 3.0, "back, please"))
    (tag,) = tags_by(halves, Rule(any=("my money back",)))
    assert [(it.utterance, it.words) for it in tag.evidence] == [(0, "my money"), (1, "back")]


def test_words_without_times_take_those_of_their_utterance() -> None:
    spoken = Utterance(index=0, speaker="customer", channel=0, start=3.0, end=9.0, text="a full refund")
    untimed = tuple(Word(text=word) for word in spoken.text.split())
    for words in ((), untimed):
        utterance = Utterance(index=0, speaker="", channel=0, start=3.0, end=9.0, text=spoken.text, words=words)
        (tag,) = tags_by(Transcript(language="en", duration=9.0, utterances=(utterance,)), Rule(any=("refund",)))
        assert (tag.evidence[0].start, tag.evidence[0].end) == (3.0, 9.0)


def test_phrases_within_seconds_have_only_the_evidence_that_stands_together() -> None:
    scattered = call(("customer", 0.0, "order"), ("customer", 50.0, "order late"), ("customer", 90.0, "late"))
    (tag,) = tags_by(scattered, Rule(all=("order", "late"), within=5.0))
    assert [it.start for it in tag.evidence] == [50.0, 50.5]


def test_repeated_phrases_of_one_utterance_without_times_stand_together() -> None:
    text = "late order late order"
    utterance = Utterance(index=0, speaker="customer", channel=0, start=0.0, end=4.0, text=text)
    silent = Transcript(language="en", duration=9.0, utterances=(utterance,))
    (tag,) = tags_by(silent, Rule(all=("order", "late"), within=1.0))
    assert [it.words for it in tag.evidence] == ["late", "order", "late", "order"]


def test_evidence_inside_other_evidence_is_not_told_twice() -> None:
    (tag,) = tags_by(REFUND, Rule(any=("refund", "like a refund", "a refund for")), Rule(any=("order", "refund")))
    assert [it.words for it in tag.evidence] == ["like a refund", "a refund for", "order", "refund"]


def test_evidence_is_capped_at_the_earliest() -> None:
    often = call(*(("customer", float(second), "refund") for second in range(50)))
    (tag,) = tags_by(often, Rule(any=("refund",)))
    assert [it.start for it in tag.evidence] == [float(second) for second in range(EVIDENCE_PER_TAG)]


def test_a_call_without_words_has_no_tags() -> None:
    empty = Transcript(language="en", duration=10.0)
    assert qualify(empty, decode(STARTER.read_bytes(), Taxonomy)).tags == ()


# ── The starter taxonomy ─────────────────────────────────────────────────────────────────────────────────────────


def starter_tags(transcript: Transcript) -> set[str]:
    return {tag.tag for tag in qualify(transcript, decode(STARTER.read_bytes(), Taxonomy)).tags}


ENGLISH = call(
    ("agent", 0.5, "Good morning, thank you for calling. How can I help?"),
    ("customer", 8.0, "Hi. My parcel was supposed to arrive on Monday and it's still not here. This is unacceptable."),
    ("agent", 20.0, "I am sorry. Let me put you on hold while I look."),
    ("customer", 40.0, "I want my money back, or I'd like to speak to your manager."),
    ("agent", 60.0, "I have asked for the refund, and someone will call you by Friday."),
    ("customer", 75.0, "Thank you so much, you've been very helpful."),
    ("agent", 110.0, "Is there anything else? Have a great day, [NAME_1]. Bye bye."),
)
FRENCH = call(
    ("agent", 0.5, "Bonjour, que puis-je faire pour vous ?"),
    ("customer", 6.0, "Ma box ne marche plus depuis lundi, et j'ai été prélevé deux fois. Je veux résilier."),
    ("agent", 20.0, "Ne quittez pas, je vous passe le service technique."),
    ("customer", 40.0, "C'est inadmissible, j'en parlerai à mon avocat. C'est moins cher ailleurs."),
    ("agent", 60.0, "Un conseiller va vous rappeler demain. Je peux vous proposer une remise."),
    ("agent", 105.0, "Je vous souhaite une bonne journée, au revoir."),
    language="fr",
)


def test_the_starter_taxonomy_reads_an_english_call() -> None:
    assert starter_tags(ENGLISH) == {
        *("greeting", "delivery", "delivery-delay", "complaint", "hold", "refund", "escalation", "callback"),
        *("satisfaction", "closing"),
    }


def test_the_starter_taxonomy_reads_a_french_call() -> None:
    assert starter_tags(FRENCH) == {
        *("greeting", "technical-problem", "billing", "cancellation", "hold", "transfer", "complaint"),
        *("legal-threat", "churn-risk", "callback", "offer", "closing"),
    }


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("I would like to reschedule my appointment", "booking-change"),
        ("Je voudrais décaler mon rendez-vous", "booking-change"),
        ("I forgot my password and I'm locked out", "login"),
        ("J'ai oublié mon mot de passe", "login"),
        ("The payment went through, here is your receipt", "payment"),
        ("Donnez-moi le numéro de carte et la date d'expiration", "payment"),
        ("I want to book a room for two nights", "booking"),
        ("Je souhaite réserver une chambre", "booking"),
        ("Somebody stole my wallet, please block my card", "fraud"),
        ("On m'a volé ma carte, je veux faire opposition", "fraud"),
        ("I moved, so I need to update the address on my account", "personal-details"),
        ("J'ai déménagé, voici ma nouvelle adresse", "personal-details"),
        ("You charged me twice on my bill", "billing"),
        ("Je voudrais parler à un responsable", "escalation"),
        ("I'll go to small claims", "legal-threat"),
        ("Je veux annuler ma commande", "cancellation"),
    ],
)
def test_the_starter_taxonomy_knows_what_people_say(said: str, tag: str) -> None:
    assert tag in starter_tags(call(("customer", 60.0, said)))


def test_a_missing_greeting_is_noticed_when_the_agent_is_known() -> None:
    assert "missing-greeting" in starter_tags(call(("agent", 1.0, "Yes?"), ("customer", 3.0, "Hello?")))
    assert "missing-greeting" not in starter_tags(ENGLISH)
    assert "missing-greeting" not in starter_tags(call(("speaker", 1.0, "Yes?")))  # a mono call


def test_the_starter_taxonomy_is_in_order() -> None:
    taxonomy = decode(STARTER.read_bytes(), Taxonomy)
    slugs = [definition.tag for definition in taxonomy.tags]
    assert len(slugs) == len(set(slugs))
    for definition in taxonomy.tags:
        assert definition.name
        assert definition.description
        assert all(rule.any or rule.all or rule.none for rule in definition.rules)


def test_an_hour_and_five_hundred_phrases_take_well_under_a_second() -> None:
    chance = random.Random(7)
    words = [f"word{number}" for number in range(400)]
    lines = [
        (("agent", "customer")[turn % 2], turn * 4.0, " ".join(chance.choices(words, k=12))) for turn in range(900)
    ]
    phrases = tuple(" ".join(chance.choices(words, k=2)) for _ in range(500))
    taxonomy = Taxonomy(
        tags=tuple(
            TagDefinition(tag=f"tag-{number}", name="Tag", rules=(Rule(any=phrases[number : number + 10]),))
            for number in range(0, 500, 10)
        )
    )
    transcript = call(*lines, duration=3600.0)
    start = time.process_time()
    assert qualify(transcript, taxonomy).tags
    assert time.process_time() - start < 0.5
