"""The source of the operation table, `anton_async/resources/operations.py`.

It names parameters as callers do, so that an error can say which argument of a method is wrong: hence it comes after
`resources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen.operations import Endpoint
from codegen.render import template
from codegen.resources import Resource
from codegen.schemas import Schemas


def render_table(
    endpoints: Sequence[Endpoint], resources: Mapping[str, Resource], schemas: Schemas, header: str
) -> str:
    """Return the source of `operations.py`."""
    answers = {schemas.answers.names[endpoint.call.answer] for endpoint in endpoints if endpoint.call.answer}
    requests = {name for endpoint in endpoints for name in (endpoint.query, endpoint.body) if name}
    methods = {
        method.endpoint.call.id: method.arguments for resource in resources.values() for method in resource.methods
    }
    return template("operations.py.jinja2").render(
        header=header,
        endpoints=endpoints,
        arguments={
            name: {one.wire: one.name for one in found if one.where == "path"} for name, found in methods.items()
        },
        renamed={
            name: tuple(
                (one.wire, one.name) for one in found if one.where in {"query", "body"} and one.wire != one.name
            )
            for name, found in methods.items()
        },
        responses=sorted(answers),
        requests=sorted(requests),
    )
