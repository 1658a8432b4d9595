"""The earlier edition of a small API, and ways to its parts, for tests that change one of them."""

from __future__ import annotations

from tests.codegen.documents import TEXT, Node, answer, body, document, operation, parameter

STATE: Node = {"type": "string", "enum": ["new", "done"]}
KEY = parameter("Idempotency-Key", "header", required=True)


def ref(name: str) -> Node:
    return {"$ref": f"#/components/schemas/{name}"}


def base() -> Node:
    """The earlier edition; each case changes a copy of it."""
    thing = {
        "type": "object",
        "required": ["id", "state"],
        "properties": {"id": TEXT, "state": ref("State"), "size": {"type": "integer"}, "note": TEXT},
    }
    request = {
        "type": "object",
        "required": ["price", "currency"],
        "properties": {
            "price": {"type": "integer", "minimum": 1, "maximum": 9},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "reference": {"type": "string", "maxLength": 35},
            "kind": {"type": "string", "enum": ["a", "b", "c"]},
            "box": ref("Box"),
            "owner": {"type": ["string", "null"]},
            "limit": {"type": "integer", "default": 3},
        },
    }
    box = {"type": "object", "required": ["width"], "properties": {"width": {"type": "integer"}, "depth": TEXT}}
    failures = {"409": {"description": "taken", "x-error-codes": ["thing_exists"]}}
    root = document(
        {
            "/v1/things": {
                "post": operation(
                    "createThing",
                    method="create",
                    parameters=[KEY],
                    requestBody=body(request),
                    responses=answer(ref("Thing"), "201") | failures,
                ),
                "get": operation(
                    "listThings",
                    method="list",
                    parameters=[parameter("cursor"), parameter("color")],
                    responses=answer(
                        {
                            "type": "object",
                            "properties": {
                                "data": {"type": "array", "items": ref("Thing")},
                                "has_more": {"type": "boolean"},
                            },
                        }
                    ),
                ),
            },
            "/v1/things/{id}": {
                "get": operation("getThing", method="retrieve", parameters=[parameter("id", "path")]),
            },
        },
        State=STATE,
        Box=box,
    )
    root["components"]["schemas"]["Thing"] = thing
    root["webhooks"] = {"thing.made": event("ThingMade"), "thing.gone": event("ThingGone")}
    for name, kind in (("ThingMade", "thing.made"), ("ThingGone", "thing.gone")):
        properties = {"type": {"const": kind}, "data": ref("Thing")}
        root["components"]["schemas"][name] = {"type": "object", "required": ["type"], "properties": properties}
    return root


def event(schema: str) -> Node:
    return {"post": {"requestBody": body(ref(schema)), "responses": {"200": {"description": "Taken."}}}}


def create(root: Node) -> Node:
    found: Node = root["paths"]["/v1/things"]["post"]
    return found


def listing(root: Node) -> Node:
    found: Node = root["paths"]["/v1/things"]["get"]
    return found


def request(root: Node) -> Node:
    found: Node = create(root)["requestBody"]["content"]["application/json"]["schema"]
    return found


def argument(root: Node, name: str) -> Node:
    found: Node = request(root)["properties"][name]
    return found


def schema(root: Node, name: str) -> Node:
    found: Node = root["components"]["schemas"][name]
    return found


def field(root: Node, name: str) -> Node:
    found: Node = schema(root, "Thing")["properties"]
    return found if not name else found[name]


def move(root: Node, old: str, new: str) -> None:
    root["paths"][new] = root["paths"].pop(old)


def add(root: Node, path: str, method: str, node: Node) -> None:
    root["paths"].setdefault(path, {})[method] = node
