"""Bulk payout jobs: pay a file of rows, survive any interruption, and know what became of every row.

    async with PayoutJob(anton, journal="payroll.db") as job:
        async for result in job.run(read_csv("payroll.csv")):
            ...
    print(job.report().closing_line())

Nothing leaves before the journal holds its idempotency key and its exact bytes; running a job again with the same
journal resumes it.
"""

from anton_async.bulk.errors import JobStoppedError, JournalError
from anton_async.bulk.job import PayoutJob
from anton_async.bulk.journal import Journal, Owner
from anton_async.bulk.layout import Layout, RowFileError
from anton_async.bulk.report import Group, Report
from anton_async.bulk.results import Accepted, Rejected, Result, Unknown
from anton_async.bulk.row_file import read_csv, read_jsonl, read_rows, read_xlsx
from anton_async.bulk.rows import PayoutRow
from anton_async.bulk.sqlite_journal import SqliteJournal

__all__ = [
    "Accepted",
    "Group",
    "JobStoppedError",
    "Journal",
    "JournalError",
    "Layout",
    "Owner",
    "PayoutJob",
    "PayoutRow",
    "Rejected",
    "Report",
    "Result",
    "RowFileError",
    "SqliteJournal",
    "Unknown",
    "read_csv",
    "read_jsonl",
    "read_rows",
    "read_xlsx",
]
