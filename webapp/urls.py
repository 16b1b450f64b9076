"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.i18n import set_language

from conversations.views import health

urlpatterns = [
    path("", include("conversations.urls")),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("conversations.api.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
