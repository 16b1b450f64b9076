"""The WSGI entry point: Django behind whole bodies."""

import os

from django.core.wsgi import get_wsgi_application

from pipeline.config import config, require
from webapp.bodies import MOST_FORM_BYTES, WholeBodies

require("database_url", "broker_url", "secret_key", "master_key")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
application = WholeBodies(get_wsgi_application(), config().max_upload_bytes + MOST_FORM_BYTES)
