"""What changed between two editions for a user of the SDK: `python -m codegen diff OLD.yaml NEW.yaml`.

Methods are compared by operation, top-level fields of bodies as the arguments they are, and everything deeper once, by
the name of its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen.arguments import Argument
from codegen.document import Node
from codegen.edition import Edition, Pair, read_pair
from codegen.operations import Endpoint
from codegen.schemas import Enum, Member, Schemas, Side
from codegen.sensitive import references
from codegen.values import Values, bounds_moved, covers

_SHAPES = {
    "array": "a list",
    "any": "any JSON",
    "bare": "one object",
    "file": "a file",
    "list": "a list",
    "none": "nothing",
    "object": "one object",
    "page": "a page",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `subject` is a method, a type or a field."""

    breaks: bool
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def compare_documents(old: Path, new: Path, overlay: Path | None) -> tuple[str, bool]:
    """Return what changed from `old` to `new`, in words, and whether something breaks.

    Raises:
        CodegenError: a file cannot be read, is no OpenAPI 3 document, or the overlay is wrong by itself.
    """
    pair = read_pair(old, new, overlay)
    changes = list(dict.fromkeys(compare(pair)))
    breaking = [str(change) for change in changes if change.breaks]
    others = [str(change) for change in changes if not change.breaks]
    # What is wrong with both editions did not change.
    unfit = [line for line in pair.new.unfit if line not in pair.old.unfit]
    early = [line for line in pair.old.unfit if line not in pair.new.unfit]
    unclear = [line for line in pair.new.unclear if line not in pair.old.unclear]
    blocks = [
        *_block("Breaking changes", breaking),
        *_block("Other changes", others),
        *_block(f"The compiler refuses {new.name}", unclear),
        *_block(f"What of the overlay fits {old.name} alone", unfit),
    ]
    if early and blocks:
        blocks.append(f"{len(early)} targets of the overlay fit {new.name} alone; they were left out of {old.name}.")
    if pair.unplaced:
        text = "New operations have no place yet. Paste this below `actions:` in the overlay, and choose their names:"
        blocks.append("\n\n".join([text, *pair.unplaced]))
    return "\n\n".join(blocks), bool(breaking)


def _block(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield "\n".join([f"{title} ({len(lines)}):", *(f"  {line}" for line in lines)])


def compare(pair: Pair) -> Iterator[Change]:
    """Yield what changed, in the order of the documents."""
    old, new = pair.old, pair.new
    matched = dict(_matched(old, new))
    for name, endpoint in old.endpoints.items():
        if name in matched:
            yield from _Method(pair, endpoint, new.endpoints[matched[name]]).changes()
        elif name in new.faults:
            yield Change(True, endpoint.name, f"it cannot be compiled any more. {new.faults[name]}")
        else:
            yield Change(True, endpoint.name, f"the method is gone ({endpoint.call.method} {endpoint.call.path})")
    for name, endpoint in new.endpoints.items():
        if name not in matched.values():
            yield Change(False, endpoint.name, f"a new method ({endpoint.call.method} {endpoint.call.path})")
    for name, fault in new.faults.items():
        if name not in old.endpoints and name not in old.faults:
            yield Change(False, name, f"a new operation that cannot be compiled. {fault}")
    yield from _answers(pair)
    yield from _requests(pair)
    yield from _enums(pair)
    yield from _events(old, new)


def _matched(old: Edition, new: Edition) -> Iterator[tuple[str, str]]:
    """Yield the operation ids of what is the same: by id, or by HTTP method and path where the id is another."""
    fresh = {name: one.call for name, one in new.endpoints.items() if name not in old.endpoints}
    places = {(call.method, call.path): name for name, call in fresh.items()}
    for name, endpoint in old.endpoints.items():
        if name in new.endpoints:
            yield name, name
        elif found := places.get((endpoint.call.method, endpoint.call.path)):
            yield name, found


class _Method:
    """One method in both editions."""

    def __init__(self, pair: Pair, old: Endpoint, new: Endpoint) -> None:
        self._pair = pair
        self._old = old
        self._new = new

    def changes(self) -> Iterator[Change]:
        for breaks, text in self._texts():
            yield Change(breaks, self._old.name, text)

    def _texts(self) -> Iterator[tuple[bool, str]]:
        yield from self._call()
        yield from self._arguments()
        yield from self._answer()
        yield from self._errors()
        yield from self._rest()

    def _call(self) -> Iterator[tuple[bool, str]]:
        old, new = self._old, self._new
        if old.name != new.name:
            yield True, f"it is called `{new.name}` now"
        if old.call.id != new.call.id:
            yield False, f"its operationId is `{new.call.id}` now, not `{old.call.id}`"
        before, after = (f"{one.call.method} {one.call.path}" for one in (old, new))
        if before != after:
            yield True, f"it calls {after} now, not {before}"
        if old.authenticated != new.authenticated:
            yield new.authenticated, "it wants credentials now" if new.authenticated else "it wants no credentials now"
        if new.call.id in self._pair.new.deprecated and old.call.id not in self._pair.old.deprecated:
            yield False, "it is deprecated now"

    # Arguments

    def _arguments(self) -> Iterator[tuple[bool, str]]:
        old = {_key(one): one for one in self._pair.old.arguments[self._old.call.id]}
        new = {_key(one): one for one in self._pair.new.arguments[self._new.call.id]}
        yield from self._path()
        for key, argument in old.items():
            if argument.where == "path":
                continue
            if key not in new:
                yield True, f"the argument `{argument.name}` is gone"
            elif argument.name != new[key].name:
                yield True, f"the argument `{argument.name}` is called `{new[key].name}` now"
        for key, argument in new.items():
            if key not in old and argument.where != "path":
                required = not argument.default
                yield required, f"a new {'required' if required else 'optional'} argument `{argument.name}`"
        for where in ("query", "body"):
            before = _fields(self._pair.old, self._old, where)
            after = _fields(self._pair.new, self._new, where)
            comparison = _Comparison(self._pair.old.schemas, self._pair.new.schemas, request=True)
            for name in before:
                for breaks, text in comparison.member(before[name], after[name]) if name in after else ():
                    yield breaks, f"the argument `{old[where, name].name}` {text}"

    def _path(self) -> Iterator[tuple[bool, str]]:
        old = [one.name for one in self._pair.old.arguments[self._old.call.id] if one.where == "path"]
        new = [one.name for one in self._pair.new.arguments[self._new.call.id] if one.where == "path"]
        if len(old) != len(new):
            said = ", ".join(f"`{name}`" for name in new) or "none"
            yield True, f"the ids it takes are {said} now"
            return
        pairs = zip(old, self._old.path_parameters, self._new.path_parameters, strict=True)
        for name, (_, before, _), (_, after, _) in pairs:
            if before != after:
                yield True, f"the id `{name}` must match `{after}` now, not `{before}`"

    # Answers

    def _answer(self) -> Iterator[tuple[bool, str]]:
        before, after = (_SHAPES[one.call.shape] for one in (self._old, self._new))
        if before != after:
            yield True, f"it answers {after} now, not {before}"
        elif self._old.answer != self._new.answer:
            yield True, f"its answer is `{self._new.answer}` now, not `{self._old.answer}`"

    def _errors(self) -> Iterator[tuple[bool, str]]:
        old, new = _failures(self._old), _failures(self._new)
        if added := [said for said in new if said not in old]:
            yield False, f"it may answer {', '.join(added)} now"
        if gone := [said for said in old if said not in new]:
            yield False, f"it answers {', '.join(gone)} no more"

    def _rest(self) -> Iterator[tuple[bool, str]]:
        old, new = self._old, self._new
        if old.call.idempotency_key != new.call.idempotency_key:
            taken = new.call.idempotency_key
            yield not taken, "it takes an idempotency key now" if taken else "it takes no idempotency key any more"
        if old.retry != new.retry:
            yield new.retry == "never", f"what fails is repeated: {new.retry}, not {old.retry}"
        for rule in new.rules:
            if rule not in old.rules:
                yield True, f"a new condition: {rule}"
        for rule in old.rules:
            if rule not in new.rules:
                yield False, f"a condition is gone: {rule}"
        waits = {one.method: one for one in new.waits}
        for wait in old.waits:
            if wait.method not in waits:
                yield True, f"the waiting helper `{wait.method}` is gone"
            elif wait != waits[wait.method]:
                yield False, f"the waiting helper `{wait.method}` looks for something else"
        for name in waits.keys() - {one.method for one in old.waits}:
            yield False, f"a new waiting helper `{name}`"
        yield from self._upload()

    def _upload(self) -> Iterator[tuple[bool, str]]:
        old, new = self._old.call.upload, self._new.call.upload
        if old is None or new is None:
            return
        if old.max_bytes != new.max_bytes:
            yield new.max_bytes < old.max_bytes, f"a file may have {new.max_bytes} bytes now, not {old.max_bytes}"
        before, after = dict(old.media_types), dict(new.media_types)
        if gone := [name for name in before if name not in after]:
            yield True, f"it takes no file called .{' or .'.join(gone)} any more"
        if added := [name for name in after if name not in before]:
            yield False, f"it takes files called .{' or .'.join(added)} now"


def _key(argument: Argument) -> tuple[str, str]:
    return argument.where, argument.wire


def _fields(edition: Edition, endpoint: Endpoint, where: str) -> dict[str, Member]:
    struct = endpoint.query if where == "query" else endpoint.body
    return edition.schemas.requests.members(struct) if struct else {}


def _failures(endpoint: Endpoint) -> list[str]:
    return [
        said
        for failure in endpoint.failures
        for said in ([f"{failure.status} `{code}`" for code in failure.codes] or [str(failure.status)])
    ]


class _Comparison:
    """The fields of one struct in both editions."""

    def __init__(self, old: Schemas, new: Schemas, *, request: bool) -> None:
        self._request = request
        self._old = Values(old, old.requests if request else old.answers)
        self._new = Values(new, new.requests if request else new.answers)

    def member(self, old: Member, new: Member) -> Iterator[tuple[bool, str]]:
        """Yield what became of one field."""
        if old.required != new.required:
            said = "is required now" if new.required else "is optional now"
            # Who sends a field must not be asked for more, who reads one must not be given less.
            yield new.required == self._request, said
        if old.nullable != new.nullable:
            yield new.nullable != self._request, "may be null now" if new.nullable else "may not be null any more"
        yield from self._type(old.schema, new.schema)
        before, after = old.facts.get("default"), new.facts.get("default")
        if self._request and before != after:
            yield False, f"is `{after}` when left out, not `{before}`"

    def _type(self, old: Node, new: Node) -> Iterator[tuple[bool, str]]:
        before, after = self._old.forms(old), self._new.forms(new)
        if before != after:
            safe = covers(after, before) if self._request else covers(before, after)
            word = "takes" if self._request else "is"
            yield not safe, f"{word} {self._new.said(new)} now, not {self._old.said(old)}"
            return
        for first, second in zip(self._old.enums(old), self._new.enums(new), strict=False):
            if first.name != second.name and first.name and second.name:
                yield True, f"has the type `{second.name}` now, not `{first.name}`"
            if first.name != second.name or not first.name:
                said = enum_values(first, second, sent=self._request, read=not self._request)
                yield from ((breaks, f"has other values: {text}") for breaks, text in said)
        yield from bounds_moved(self._old.bounds(old), self._new.bounds(new))

    def structs(self, old: Mapping[str, Member], new: Mapping[str, Member]) -> Iterator[tuple[bool, str]]:
        """Yield what became of all fields of a struct."""
        for name, member in old.items():
            if name not in new:
                yield True, f"the field `{name}` is gone"
            else:
                yield from ((breaks, f"the field `{name}` {text}") for breaks, text in self.member(member, new[name]))
        for name, member in new.items():
            if name not in old:
                required = self._request and member.required
                yield required, f"a new {'required ' if required else ''}field `{name}`"


def _answers(pair: Pair) -> Iterator[Change]:
    comparison = _Comparison(pair.old.schemas, pair.new.schemas, request=False)
    yield from _structs(comparison, pair.old.schemas.answers, pair.new.schemas.answers, set())


def _requests(pair: Pair) -> Iterator[Change]:
    """Yield what changed inside the objects that arguments take; the arguments themselves are compared by method."""
    comparison = _Comparison(pair.old.schemas, pair.new.schemas, request=True)
    endpoints = [*pair.old.endpoints.values(), *pair.new.endpoints.values()]
    flat = {name for endpoint in endpoints for name in (endpoint.query, endpoint.body) if name}
    yield from _structs(comparison, pair.old.schemas.requests, pair.new.schemas.requests, flat)


def _structs(comparison: _Comparison, old: Side, new: Side, without: set[str]) -> Iterator[Change]:
    for name in old.structs:
        if name in new.structs and name not in without:
            for breaks, text in comparison.structs(old.members(name), new.members(name)):
                yield Change(breaks, name, text)


def _enums(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.schemas, pair.new.schemas
    sent, read = _used(old.requests) | _used(new.requests), _used(old.answers) | _used(new.answers)
    for name, enum in old.enums.items():
        if name in new.enums:
            after = new.enums[name]
            for breaks, text in enum_values(enum, after, sent=name in sent, read=name in read):
                yield Change(breaks, name, text)
            if set(enum.terminal) != set(after.terminal):
                said = ", ".join(f"`{value}`" for value in after.terminal) or "nowhere"
                yield Change(False, name, f"waiting ends at {said} now")


def enum_values(old: Enum, new: Enum, *, sent: bool, read: bool) -> Iterator[tuple[bool, str]]:
    """Yield what became of a set of values.

    Args:
        old: in the earlier edition.
        new: in the later one.
        sent: it is part of a request, where a value that is gone breaks the callers that send it.
        read: it is part of an answer, where a new value arrives at callers that do not know it.
    """
    if gone := [f"`{value}`" for value in old.values if value not in new.values]:
        yield sent, f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} no value of it any more"
    if added := [f"`{value}`" for value in new.values if value not in old.values]:
        where = "; answers may have it" if read else ""
        # Only a person can know whether anything leaves a new state.
        unsaid = new.terminal and not {*new.terminal} - {*old.values}
        ends = "; if nothing comes after it, add it to x-anton-terminal" if unsaid else ""
        what = "is a new value" if len(added) == 1 else "are new values"
        yield False, f"{', '.join(added)} {what} of it{where}{ends}"


def _used(side: Side) -> set[str]:
    return {name for struct in side.structs.values() for one in struct.members for name in references(one.schema)}


def _events(old: Edition, new: Edition) -> Iterator[Change]:
    before, after = ({event.type: event.schema for event in edition.events} for edition in (old, new))
    for name in before:
        if name not in after:
            yield Change(True, name, "the webhook event is gone")
        elif before[name] != after[name]:
            yield Change(True, name, f"the webhook event is a `{after[name]}` now, not a `{before[name]}`")
    for name in after:
        if name not in before:
            yield Change(False, name, "a new webhook event")
