"""The admin site."""

from django.contrib.admin import AdminSite


class ParleyAdminSite(AdminSite):
    """Django's admin under our name."""

    site_header = "Parley"
    site_title = "Parley"
