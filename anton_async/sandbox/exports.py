"""Exports of reviews: a CSV of a range, and the case file of one as PDF. Neither takes an idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from anton_async.sandbox.call import Call, Handler, block
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.moments import read_moment
from anton_async.sandbox.records import new_id
from anton_async.sandbox.reviews import Reviews
from anton_async.sandbox.tables import write_csv

_LONGEST = timedelta(days=366)
_MOST = 10_000
_COLUMNS = (
    "id", "number", "kind", "priority", "status", "outcome", "source", "evaluation_id", "created_at", "closed_at",
)  # fmt: skip
_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
    b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
)


class ReviewExports:
    """The handlers of the two exports."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {"exportReviewsCSV": self.export_csv, "exportReviewCaseFile": self.export_case_file}

    def export_csv(self, call: Call) -> Answer:
        """Hand out the reviews that were opened in a range."""
        start, end = read_moment(str(call.body["from"])), read_moment(str(call.body["to"]))
        if start is None or end is None or not start < end <= start + _LONGEST:
            raise Refusal(422, "invalid_export_range", "from and to must name a range of at most 366 days")
        status = call.body.get("status")
        entries = [
            entry
            for entry in self._reviews.entries
            if start <= entry.created_at < end and status in {None, entry.shown["status"]}
        ]
        if len(entries) > _MOST:
            raise Refusal(422, "export_too_large", f"the range holds more than {_MOST} reviews")
        lines: list[Sequence[str]] = [(*_COLUMNS, "subject", "reference")]
        for entry in entries:
            subject = block(entry.shown, "subject")
            cells = [_cell(entry.shown.get(name)) for name in _COLUMNS]
            lines.append([*cells, _cell(subject.get("display")), _cell(subject.get("reference"))])
        return Answer(200, write_csv(lines), _headers("reviews.csv"), content_type="text/csv")

    def export_case_file(self, call: Call) -> Answer:
        """Hand out the record of one review."""
        entry = self._reviews.entry(call.id)
        lines = [f"Review {entry.shown['number']}", ""]
        lines += [f"{name}: {_cell(entry.shown[name])}" for name in _COLUMNS if name in entry.shown]
        lines += ["", "History"]
        lines += [f"{_cell(event['created_at'])}  {event['kind']}: {event['summary']}" for event in entry.events]
        headers = _headers(f"{entry.shown['number']}.pdf")
        return Answer(200, _pdf(lines), headers, content_type="application/pdf")


def _headers(file_name: str) -> dict[str, str]:
    return {"X-Export-Id": new_id("exp"), "Content-Disposition": f'attachment; filename="{file_name}"'}


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _pdf(lines: Sequence[str]) -> bytes:
    """Return one page of text as a PDF (ISO 32000-1): four objects, their offsets, and a trailer."""
    escaped = (line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines)
    text = "BT /F1 10 Tf 50 790 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in escaped) + " ET"
    stream = text.encode("latin-1", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
    )
    document = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(document)
