"""How the web server serves: gunicorn's settings, wherever it runs (``gunicorn -c python:webapp.server``)."""

workers = 2
threads = 4
timeout = 60  # of a worker's heartbeat, not of a request: a slow upload may take its time
graceful_timeout = 10
# Longer than clients and proxies keep a connection that is not used: none sends on one that is being closed.
keepalive = 75
