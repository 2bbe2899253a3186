"""What was seen of the fleet, in one SQLite file that several processes share."""

from quri_console.history.database import History
from quri_console.history.samples import ErrorKind, Sample

__all__ = ["ErrorKind", "History", "Sample"]
