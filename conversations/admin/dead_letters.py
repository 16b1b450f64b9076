"""Admin pages of the steps that failed for good: by cause, one by one, and one with all that happened to its call."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from conversations import timeline, words
from conversations.admin.calls import retried
from conversations.admin.scope import ADMIN, ScopedAdmin
from conversations.models import Conversation, Delivery
from conversations.services import calls, dead_letters
from conversations.services.calls import ASKS_FOR_OTHER_SETTINGS

MOMENTS_SHOWN = 300
REPLAY, GIVE_UP = "replay", "give_up"
Fields = list[tuple[str, str]]
LIST = "admin:conversations_delivery_changelist"
TEMPLATES = "admin/conversations/delivery"


@admin.register(Delivery)
class DeadAdmin(ScopedAdmin):
    """Steps that failed for good: replayed or given up, one, some, or all of a cause."""

    organization_lookup = "tenant"
    viewers = ADMIN
    changers = ()
    list_title = _("Steps that failed for good")
    change_list_template = f"{TEMPLATES}/change_list.html"
    actions = ("replay", "retry_calls", "give_up")
    list_display = ("dead_since", "step", "call", "tries", "sentence")
    list_per_page = 50

    def owner(self, request: HttpRequest) -> Any:
        """The organization's id, as records have it."""
        return request.user.organization_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """The dead ones, the last to die first, with their last attempt."""
        dead = super().get_queryset(request).filter(state=Delivery.State.DEAD)
        return dead_letters.with_death(dead).order_by("-died_at", "-id")

    def get_urls(self) -> list[URLPattern]:
        """What the buttons of a cause and of a step do."""
        inside = self.admin_site.admin_view
        return [
            path("cause/", inside(require_POST(self.cause_view)), name="dead_letters_of_cause"),
            path("<int:id>/decide/", inside(require_POST(self.decide_view)), name="dead_letter_decide"),
            *super().get_urls(),
        ]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever sees them decides."""
        return request.user.role in ADMIN

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The causes, then the steps."""
        context = {"causes": causes_of(self.get_queryset(request)), "of_a_cause": "error" in request.GET}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a step: its attempts, and all that happened to its call."""
        dead = self.get_object(request, object_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if dead is None:
            self.message_user(
                request, gettext("This step is no longer among those that failed for good."), messages.WARNING
            )
            return HttpResponseRedirect(reverse(LIST))
        events, deliveries = timeline.history_of(dead.subject)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "dead": dead,
            "title": gettext("Failed for good: %(step)s") % {"step": words.step_name(dead.service)},
            "sentence": words.failure_sentence(dead.error, dead.service),
            "call": Conversation.objects.of(request.user.organization).filter(id=dead.subject).first(),
            "attempts": [each for owed in deliveries if owed.id == dead.id for each in owed.history.all()],
            "timeline": timeline.for_page(timeline.moments_of(events, deliveries), MOMENTS_SHOWN),
            "other_settings": dead.error in ASKS_FOR_OTHER_SETTINGS,
        }  # fmt: skip
        return TemplateResponse(request, f"{TEMPLATES}/page.html", context)

    def cause_view(self, request: HttpRequest) -> HttpResponse:
        """Replay or give up all steps of a cause."""
        cause = {name: request.POST.get(name, "") for name in ("service", "error")}
        return self.decide(request, self.get_queryset(request).filter(**cause), list(cause.items()))

    def decide_view(self, request: HttpRequest, id: int) -> HttpResponse:
        """Replay a step, or give it up."""
        return self.decide(request, self.get_queryset(request).filter(pk=id), [])

    def decide(self, request: HttpRequest, chosen: QuerySet[Delivery], asked: Fields) -> HttpResponse:
        """Do what a button says once the person is sure; until then ask."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        what = request.POST.get("what")
        if what not in (REPLAY, GIVE_UP):
            raise Http404
        if "sure" not in request.POST and chosen.exists():
            return self.ask(request, chosen, what, [*asked, ("what", what)])
        self.tell(request, what, dead_letters.replay(chosen) if what == REPLAY else dead_letters.give_up(chosen))
        return HttpResponseRedirect(reverse(LIST))

    @admin.action(description=_("Replay the selected steps"), permissions=["retry"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Let these steps run again, with fresh attempts."""
        self.tell(request, REPLAY, dead_letters.replay(queryset))

    @admin.action(description=_("Retry the calls of the selected steps"), permissions=["retry"])
    def retry_calls(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Let all failed steps of these calls run again, with the settings of today where these were the cause."""
        count = calls.retry(request.user.organization, list(set(queryset.values_list("subject", flat=True))))
        self.message_user(request, retried(count), messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=_("Give up the selected steps: never try them again"), permissions=["retry"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        """Ask first; then take these steps off the list. Their calls stay failed, with what earlier steps gave."""
        if "sure" not in request.POST:
            names = ACTION_CHECKBOX_NAME, "select_across", "action"
            asked = [(name, value) for name in names for value in request.POST.getlist(name) if value]
            return self.ask(request, queryset, GIVE_UP, asked)
        self.tell(request, GIVE_UP, dead_letters.give_up(queryset))
        return None

    def ask(self, request: HttpRequest, chosen: QuerySet[Delivery], what: str, asked: Fields) -> HttpResponse:
        """A page that asks whether to do it, and whose button posts ``asked`` again, with ``sure``."""
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "what": what, "asked": asked,
            "title": gettext("Replay steps") if what == REPLAY else gettext("Give up steps"),
            "causes": causes_of(chosen), "count": chosen.count(),
        }  # fmt: skip
        return TemplateResponse(request, f"{TEMPLATES}/sure.html", context)

    def tell(self, request: HttpRequest, what: str, count: int) -> None:
        """What was done."""
        if not count:
            text = gettext("None of these steps is still among those that failed for good.")
        elif what == REPLAY:
            text = ngettext("%(count)d step is tried again.", "%(count)d steps are tried again.", count)
        else:
            text = ngettext("%(count)d step was given up.", "%(count)d steps were given up.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.WARNING)

    @admin.display(description=_("dead since"), ordering="died_at")
    def dead_since(self, delivery: Any) -> Any:
        """When its last attempt ended."""
        return delivery.died_at or delivery.created_at

    @admin.display(description=_("step"), ordering="service")
    def step(self, delivery: Delivery) -> str:
        """What failed."""
        return capfirst(words.step_name(delivery.service))

    @admin.display(description=_("call"))
    def call(self, delivery: Delivery) -> str:
        """A link to where one sees what is there of it."""
        address = reverse("conversations:detail", args=[delivery.subject])
        return format_html('<a href="{}">{}…</a>', address, str(delivery.subject)[:13])

    @admin.display(description=_("attempts"), ordering="sends")
    def tries(self, delivery: Delivery) -> str:
        """How often it was handed to its service, in all."""
        text = ngettext("%(count)d attempt", "%(count)d attempts", delivery.sends)
        return text % {"count": delivery.sends}

    @admin.display(description=_("what went wrong"))
    def sentence(self, delivery: Any) -> str:
        """In plain words, then for who looks into the code: the last error's code, class and place."""
        named = [delivery.error, delivery.last_exception, *(delivery.last_locations or [])[-1:]]
        technical = " · ".join(filter(None, named))
        sentence = words.failure_sentence(delivery.error, delivery.service)
        return format_html('{}<span class="technical">{}</span>', sentence, technical)


def causes_of(dead: QuerySet[Delivery]) -> list[dict[str, Any]]:
    """Why steps failed for good, the commonest cause first, in words."""
    return [
        {**cause, "step": capfirst(words.step_name(cause["service"])),
         "sentence": words.failure_sentence(cause["error"], cause["service"]),
         "other_settings": cause["error"] in ASKS_FOR_OTHER_SETTINGS}
        for cause in dead_letters.causes(dead)
    ]  # fmt: skip
