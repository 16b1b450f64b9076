"""The addresses of the API, version 1."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from conversations.api import calls, content, entrance, raw_data, review, searching, tags

app_name = "api"
call = "conversations/<uuid:id>/"
urlpatterns = [
    path("", entrance.Entrance.as_view(), name="entrance"),
    path("conversations/", calls.Calls.as_view(), name="conversations"),
    path(call, calls.Call.as_view(), name="conversation"),
    path(f"{call}retry/", calls.Retry.as_view(), name="retry"),
    path(f"{call}reprocess/", calls.Reprocess.as_view(), name="reprocess"),
    path(f"{call}swap-speakers/", calls.SwapSpeakers.as_view(), name="swap_speakers"),
    path(f"{call}runs/", calls.Runs.as_view(), name="runs"),
    path(f"{call}transcript/", content.TranscriptView.as_view(), name="transcript"),
    path(f"{call}audio/", content.AudioView.as_view(), name="audio"),
    path(f"{call}peaks/", content.PeaksView.as_view(), name="peaks"),
    path(f"{call}entities/", content.EntitiesView.as_view(), name="entities"),
    path(f"{call}raw/", raw_data.Raw.as_view(), name="raw"),
    path(f"{call}events/", content.EventsView.as_view(), name="events"),
    path(f"{call}redaction/", review.RedactionView.as_view(), name="redaction"),
    path(f"{call}corrections/", review.Corrections.as_view(), name="corrections"),
    path(f"{call}release/", review.Release.as_view(), name="release"),
    path(f"{call}tags/", tags.Tags.as_view(), name="tags"),
    path(f"{call}tags/<uuid:tag_id>/", tags.Tag.as_view(), name="tag"),
    path("search/", searching.Search.as_view(), name="search"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", entrance.Docs.as_view(), name="docs"),
    re_path("", entrance.Nothing.as_view()),
]
