"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

from conversations.views import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("conversations.api.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
