"""The pages for people."""

from django.urls import path

from conversations.views import call, calls, compare, contract, quality, raw_data, review, tags

app_name = "conversations"

urlpatterns = [
    path("", calls.call_list, name="list"),
    path("progress/", calls.progress, name="progress"),
    path("act/", calls.act, name="act"),
    path("conversations/<uuid:id>/", call.detail, name="detail"),
    path("conversations/<uuid:id>/live/", call.live, name="live"),
    path("conversations/<uuid:id>/retry/", call.retry, name="retry"),
    path("conversations/<uuid:id>/reprocess/", call.reprocess, name="reprocess"),
    path("conversations/<uuid:id>/swap-speakers/", call.swap, name="swap_speakers"),
    path("conversations/<uuid:id>/correct/", review.correct, name="correct"),
    path("conversations/<uuid:id>/check/", review.check, name="check"),
    path("conversations/<uuid:id>/release/", review.release, name="release"),
    path("conversations/<uuid:id>/compare/", compare.compare, name="compare"),
    path("conversations/<uuid:id>/raw/", raw_data.ask, name="raw"),
    path("conversations/<uuid:id>/raw/<uuid:asked>/", raw_data.opened, name="raw_opened"),
    path("conversations/<uuid:id>/raw/<uuid:asked>/audio/", raw_data.audio, name="raw_audio"),
    path("conversations/<uuid:id>/tags/", tags.tag, name="tag"),
    path("conversations/<uuid:id>/tags/<uuid:tag_id>/remove/", tags.untag, name="untag"),
    path("redaction/quality/", quality.quality, name="quality"),
    path("docs/events/", contract.events, name="events"),
]
