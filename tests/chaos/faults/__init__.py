"""What goes wrong: one small function a fault. Each ends with everything that it took away given back."""

from tests.chaos.faults import blobs, processes, servers
from tests.chaos.storm import FAULTS

__all__ = ["FAULTS", "blobs", "processes", "servers"]
