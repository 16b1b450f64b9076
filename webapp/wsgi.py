"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from pipeline.config import config, require
from webapp.bodies import WholeBodies

require("database_url", "broker_url", "secret_key", "master_key")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
MOST_FORM_BYTES = 1024 * 1024  # what a form has beside its file
application = WholeBodies(get_wsgi_application(), config().max_upload_bytes + MOST_FORM_BYTES)
