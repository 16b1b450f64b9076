"""The admin's pages of organization, people and tokens; and that nobody sees or touches what is another's."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import words
from conversations.admin.validation import check_redaction
from conversations.models import Organization, Role, Token, User
from conversations.taxonomies import starter_taxonomy
from pipeline.documents import RedactionPolicy
from tests.factories import make_conversation, make_delivery, make_organization, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_user() -> User:
    return make_user(role=Role.ADMIN, is_superuser=True)


@pytest.fixture
def signed_in(admin_user: User) -> Client:
    return client_of(admin_user)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


# ── Scope ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_page_shows_or_opens_the_rows_of_another_organization_to_a_superuser(signed_in: Client) -> None:
    stranger = make_user(make_organization(name="Strangers"), Role.ADMIN, username="a stranger")
    call = make_conversation(stranger.organization, agent="Zacharias")
    Token.issue(stranger)
    dead = make_delivery(call, "transcription", "dead", error="crashed")
    rows = {
        "organization": stranger.organization, "user": stranger, "token": stranger.tokens.get(), "conversation": call,
        "delivery": dead,
    }  # fmt: skip
    for model in rows:
        listed = signed_in.get(f"/admin/conversations/{model}/").content.decode()
        assert not re.search(f"stranger|Zacharias|{stranger.pk}|{call.pk}", listed, re.IGNORECASE), model
    for model, row in rows.items():
        opened = signed_in.get(f"/admin/conversations/{model}/{row.pk}/change/")
        assert opened.status_code == 302, model
        assert opened.headers["Location"] in ("/admin/", "/admin/conversations/delivery/"), model


def test_a_token_is_offered_for_people_of_the_organization_only(signed_in: Client, admin_user: User) -> None:
    stranger = make_user(username="stranger")
    page = signed_in.get("/admin/conversations/token/add/").content.decode()
    assert f">{admin_user.username}<" in page
    assert "stranger" not in page
    assert signed_in.post("/admin/conversations/token/add/", {"user": stranger.pk}).status_code == 200
    assert not stranger.tokens.exists()


@pytest.mark.parametrize(
    ("model", "supervisor", "admin", "superuser"),
    [
        ("batch", True, True, True),
        ("conversation", True, True, True),
        ("user", False, True, True),
        ("token", False, True, True),
        ("organization", False, True, True),
        ("delivery", False, True, True),
        ("subscription", False, False, True),  # services serve every organization
        ("parked", False, False, True),
    ],
)
def test_who_sees_which_page(model: str, supervisor: bool, admin: bool, superuser: bool) -> None:
    organization = make_organization()
    for role, is_superuser, sees in (
        (Role.SUPERVISOR, False, supervisor), (Role.ADMIN, False, admin), (Role.ADMIN, True, superuser),
    ):  # fmt: skip
        client = client_of(make_user(organization, role, is_superuser=is_superuser))
        assert (client.get(f"/admin/conversations/{model}/").status_code == 200) is sees
        assert (f"/admin/conversations/{model}/" in client.get("/admin/").content.decode()) is sees


@pytest.mark.parametrize("role", [Role.AGENT, Role.CLIENT])
def test_agents_and_programs_do_not_come_in(role: Role) -> None:
    response = client_of(make_user(role=role)).get("/admin/")
    assert response.headers["Location"].startswith("/admin/login/")


# ── The organization ─────────────────────────────────────────────────────────────────────────────────────────────


def organization_form(**settings: Any) -> dict[str, str]:
    vocabulary, redaction = settings.pop("vocabulary", "Parley"), settings.pop("redaction", {})
    policy = {f"redaction-{name}": value for name, value in {"pad": 0.15, "mode": "silence", **redaction}.items()}
    values = {"languages": ["en"], "taxonomy": {"tags": []}, **settings}
    written = {name: json.dumps(value) for name, value in values.items()}
    return {"name": "Acme", "vocabulary": vocabulary, "raw_days": "", **policy, **written}


def change(client: Client, organization: Organization, **settings: Any) -> str:
    address = reverse("admin:conversations_organization_change", args=[organization.pk])
    return client.post(address, organization_form(**settings), follow=True).content.decode()


def test_settings_that_the_pipeline_can_read_are_kept(signed_in: Client, admin_user: User) -> None:
    chosen = {
        "URL": "kept", "ADDRESS": "generalized", "mode": "beep", "pad": "0,3", "agent_name": "on", "doubt": "kept",
    }  # fmt: skip
    change(signed_in, admin_user.organization, taxonomy=starter_taxonomy(), redaction=chosen)
    kept = Organization.objects.get(pk=admin_user.organization.pk)
    assert (kept.name, kept.taxonomy) == ("Acme", starter_taxonomy())
    assert kept.settings(60.0).redaction == RedactionPolicy(
        keep=("URL",), generalize=("ADDRESS",), mode="beep", pad=0.3, agent_name=True, doubt=False
    )


def test_a_language_in_which_no_personal_data_is_looked_for_is_taken_with_a_warning(
    signed_in: Client, admin_user: User
) -> None:
    assert "No personal data is looked for" not in change(signed_in, admin_user.organization, languages=["en", "fr"])
    text = change(signed_in, admin_user.organization, languages=["en", "de"])
    assert "No personal data is looked for in: German. Every call in it is kept for a reviewer." in text
    address = reverse("admin:conversations_organization_change", args=[admin_user.organization.pk])
    assert "English and French only" in signed_in.get(address).content.decode()  # beside the field
    assert Organization.objects.get(pk=admin_user.organization.pk).languages == ["en", "de"]


def test_the_redaction_policy_is_a_form_with_a_row_for_each_kind(signed_in: Client, admin_user: User) -> None:
    organization = admin_user.organization
    organization.redaction = {"keep": ["URL"], "generalize": ["EMAIL"], "pad": 0.25}
    organization.save()
    address = reverse("admin:conversations_organization_change", args=[organization.pk])
    page = signed_in.get(address, headers={"Accept-Language": "fr"}).content.decode()
    rows = dict(re.findall(r'<select name="redaction-([A-Z_]+)" id="[^"]+">(.*?)</select>', page))
    assert set(rows) == set(words.REDACTED)
    chosen = {label: re.findall(r'value="(\w+)" selected', row) for label, row in rows.items()}
    assert {label: each for label, each in chosen.items() if each != ["hidden"]} == {
        "URL": ["kept"], "EMAIL": ["generalized"],
    }  # fmt: skip
    assert [label for label, row in rows.items() if "generalized" in row] == ["EMAIL", "ADDRESS", "DATE_OF_BIRTH"]
    assert 'step="any" value="0.25"' in page  # with a point, in French too


def test_who_changed_the_policy_and_how_is_in_the_history(signed_in: Client, admin_user: User) -> None:
    organization = admin_user.organization
    change(signed_in, organization, redaction={"NAME": "kept", "mode": "beep"}, raw_days=30)
    address = reverse("admin:conversations_organization_history", args=[organization.pk])
    history = signed_in.get(address).content.decode()
    assert admin_user.username in history
    assert "NAME: kept, mode: beep and raw_days: 30" in history
    change(signed_in, organization, redaction={"NAME": "kept", "mode": "beep"}, raw_days=30)
    assert signed_in.get(address).content.decode().count("NAME: kept") == 1


def test_a_vocabulary_is_written_a_word_or_phrase_a_line(signed_in: Client, admin_user: User) -> None:
    change(signed_in, admin_user.organization, vocabulary=" Parley \r\n\r\nBlue  Wave\r\nParley\r\n")
    kept = Organization.objects.get(pk=admin_user.organization.pk)
    assert kept.vocabulary == ["Parley", "Blue Wave"]
    assert kept.settings(60.0).vocabulary == ("Parley", "Blue Wave")
    address = reverse("admin:conversations_organization_change", args=[kept.pk])
    assert ">\nParley\nBlue Wave</textarea>" in signed_in.get(address).content.decode()
    change(signed_in, admin_user.organization, vocabulary="")
    assert Organization.objects.get(pk=kept.pk).vocabulary == []


RULE = {"tag": "refund", "name": "Refund", "rules": [{"any": ["refund"]}]}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("taxonomy", {"tags": [{**RULE, "rules": [{"any": "refund"}]}]}, "tags[0].rules[0].any: expected `array`"),
        ("taxonomy", {"tags": [{**RULE, "rules": [{"anny": ["x"]}]}]}, "tags[0].rules[0].anny: there is no such field"),
        ("taxonomy", {"tags": [RULE, RULE]}, "tags[1].tag: “refund” is there already"),
        ("taxonomy", {"tags": [{**RULE, "tag": "Re fund"}]}, "tags[0].tag: a tag is written"),
        ("taxonomy", {"tags": [{"tag": "refund"}]}, "tags[0]: object missing required field `name`"),
        ("taxonomy", [RULE], "expected `object`, got `array`"),
        ("redaction", {"mode": "shout"}, "mode: it is one of: silence, beep"),
        ("redaction", {"pad": 60}, "pad: seconds from 0 to 5"),
        ("redaction", {"pad": "nan"}, "pad: seconds from 0 to 5"),
        ("redaction", {"pad": "much"}, "Give the margin as seconds, such as 0.15."),
        ("redaction", {"CARD": "generalized"}, "“CARD” cannot be generalized: every part of it points to one person."),
        ("redaction", {"CARD": "shown"}, "“shown” is no choice for CARD"),
        ("raw_days", -1, "greater than or equal to 0"),
        ("languages", ["english"], "[0]: “english” is not a language code"),
        ("languages", "en", "expected `array`"),
        ("vocabulary", f"Parley\n{'x' * 61}", "Line 2 is longer than 60 characters."),
        ("vocabulary", "\n".join(map(str, range(101))), "There are 101 words and phrases; 100 are the most."),
    ],
)
def test_settings_that_the_pipeline_cannot_read_are_refused_with_their_path(
    signed_in: Client, admin_user: User, field: str, value: Any, sentence: str
) -> None:
    page = change(signed_in, admin_user.organization, **{field: value})
    assert sentence in page
    assert Organization.objects.get(pk=admin_user.organization.pk).name != "Acme"


# ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_person_belongs_to_the_organization_and_can_sign_in(signed_in: Client, admin_user: User) -> None:
    fields = {
        "username": "ann", "role": "supervisor", "usable_password": "true", "password1": "a-long-password-1",
        "password2": "a-long-password-1", "organization": make_organization().pk, "is_superuser": "on",
    }  # fmt: skip
    signed_in.post("/admin/conversations/user/add/", fields)
    ann = User.objects.get(username="ann")
    assert (ann.organization, ann.role, ann.is_superuser) == (admin_user.organization, Role.SUPERVISOR, False)
    page = Client().post("/admin/login/", {"username": "ann", "password": "a-long-password-1", "next": "/admin/"})
    assert page.headers["Location"] == "/admin/"


def test_a_password_is_set_by_its_own_form(signed_in: Client, admin_user: User) -> None:
    ann = make_user(admin_user.organization)
    address = f"/admin/conversations/user/{ann.pk}/password/"
    assert signed_in.get(address).status_code == 200
    passwords = {"usable_password": "true", "password1": "another-long-one-2", "password2": "another-long-one-2"}
    signed_in.post(address, passwords)
    assert User.objects.get(pk=ann.pk).check_password("another-long-one-2")


def test_an_admin_does_not_change_a_superuser_nor_makes_one() -> None:
    organization = make_organization()
    root = make_user(organization, Role.ADMIN, is_superuser=True)
    client = client_of(make_user(organization, Role.ADMIN))
    ordinary = make_user(organization)
    for person, status in ((root, 403), (ordinary, 302)):
        fields = {"username": person.username, "role": "agent", "is_superuser": "on", "is_active": "on"}
        assert client.post(f"/admin/conversations/user/{person.pk}/change/", fields).status_code == status
    assert client.get(f"/admin/conversations/user/{root.pk}/password/").status_code == 403
    assert User.objects.get(pk=ordinary.pk).role == Role.AGENT
    assert not User.objects.get(pk=ordinary.pk).is_superuser


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_shown_once_and_opens_the_api(signed_in: Client, admin_user: User) -> None:
    day = timezone.localdate() + timedelta(days=1)
    response = signed_in.post("/admin/conversations/token/add/", {"user": admin_user.pk, "last_day": day.isoformat()})
    key = re.search(r"parley_[\w-]{40,}", response.content.decode())
    assert key is not None
    assert "no-store" in response.headers["Cache-Control"]
    token = admin_user.tokens.get()
    assert token.expires_at.date() == day + timedelta(days=1)
    answer = Client().get("/api/v1/conversations/", headers={"Authorization": f"Token {key[0]}"})
    assert answer.status_code == 200
    assert key[0] not in signed_in.get("/admin/conversations/token/").content.decode()


def test_a_token_does_not_end_before_it_begins(signed_in: Client, admin_user: User) -> None:
    fields = {"user": admin_user.pk, "last_day": "2020-01-01"}
    assert "This day is past." in signed_in.post("/admin/conversations/token/add/", fields).content.decode()
    assert not admin_user.tokens.exists()


def test_a_token_is_revoked_by_deleting_it(signed_in: Client, admin_user: User) -> None:
    Token.issue(admin_user)
    token = admin_user.tokens.get()
    signed_in.post(f"/admin/conversations/token/{token.pk}/delete/", {"post": "yes"})
    assert not admin_user.tokens.exists()


def test_a_policy_says_of_a_kind_one_thing_only() -> None:
    with pytest.raises(ValidationError, match="“EMAIL” is kept already: choose one"):
        check_redaction({"keep": ["EMAIL"], "generalize": ["EMAIL"]})
    with pytest.raises(ValidationError, match="keep\\[0\\]: “PERSON” is not a kind of redaction"):
        check_redaction({"keep": ["PERSON"]})
