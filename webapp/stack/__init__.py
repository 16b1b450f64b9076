"""The embedded stack: Postgres, the broker and Parley's own processes, started and stopped by `make run`.

There is no business logic here. Each server is found, prepared and started by one module, each thing that the
environment names (`DATABASE_URL`, `PARLEY_BROKER_URL` …) is used in its place, and a library, supervisor, keeps
the processes running.
"""


class StackError(Exception):
    """Raised when the stack cannot start or go on; its text is the sentence that the person at the terminal reads."""
