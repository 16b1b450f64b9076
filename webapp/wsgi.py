"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from pipeline.config import require

require("database_url", "broker_url", "secret_key", "master_key")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
application = get_wsgi_application()
