"""What ``celery -A pipeline.celery worker -Q gpu`` starts: the application with all services."""

from pipeline import tasks  # noqa: F401  (importing registers the services)
from pipeline.bus import app as application
from pipeline.config import require

require("broker_url", "master_key")
app = application()
