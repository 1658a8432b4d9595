"""What can go wrong with a job as a whole; what goes wrong with one row is a result, not an error.

AntonError
├── ConfigurationError
│   └── JournalError     the journal cannot be used, or belongs to another input; nothing was sent
└── JobStoppedError      the job ended early; run it again with the same journal
"""

from __future__ import annotations

from anton_async.errors import AntonError, ConfigurationError


class JournalError(ConfigurationError):
    """The journal cannot be used for this job: nothing of what it complains about was sent."""


class JobStoppedError(AntonError):
    """The job ended before all rows were settled: mend the reason, then run it again with the same journal."""
