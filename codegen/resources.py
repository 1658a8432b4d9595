"""The sixth step: `anton_async/resources`, the classes whose methods users call.

One module a resource; `resources/__init__.py` binds them all to the base class of `AntonClient`, so a new endpoint
needs no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from codegen import names, text
from codegen.arguments import Argument, read_arguments
from codegen.docstrings import method_docstring, wait_docstring
from codegen.document import Document
from codegen.errors import CodegenError, Faults
from codegen.models import terminals
from codegen.operations import Endpoint
from codegen.render import template
from codegen.schemas import Schemas

_RETURNS = {"page": "Pager[{}]", "list": "{list}[{}]", "array": "{list}[{}]", "none": "None", "file": "Download"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One generated method, ready for the template."""

    endpoint: Endpoint
    arguments: tuple[Argument, ...]
    docstring: str
    wait_docstrings: tuple[str, ...]
    returns: str

    def given(self, where: str) -> list[Argument]:
        """Return the arguments that go into `path`, `query`, `body`, or are the `file` of a form."""
        return [argument for argument in self.arguments if argument.where == where]


@dataclass(slots=True, kw_only=True)
class Resource:
    """One generated class; `children` are the resources nested in it, `text` is empty where the document has none."""

    path: str
    text: str = ""
    methods: list[Method] = field(default_factory=list[Method])
    children: list[Resource] = field(default_factory=list["Resource"])

    @property
    def attribute(self) -> str:
        """Return its name on the client or on the parent."""
        return self.path.rpartition(".")[2]

    @property
    def module(self) -> str:
        """Return the name of its module."""
        return self.path.replace(".", "_")

    @property
    def class_name(self) -> str:
        """Return the name of its class."""
        return names.pascal(self.path)


def render_resources(resources: Mapping[str, Resource], schemas: Schemas, header: str) -> dict[str, str]:
    """Return the files of `resources/` by name, but for the operation table."""
    models = sorted([*schemas.answers.structs, *schemas.requests.structs])
    enums = sorted([*schemas.enums, *terminals(schemas)])
    for resource in resources.values():
        if resource.class_name in {*models, *enums}:
            raise CodegenError(
                f"The class of the resource `{resource.path}` would be called `{resource.class_name}`, as a schema is. "
                "Choose another x-anton-resource in the overlay."
            )
    page = template("resource.py.jinja2")
    files = {
        f"{resource.module}.py": page.render(header=header, resource=resource, models=models, enums=enums, text=text)
        for resource in resources.values()
    }
    top = [resource for path, resource in resources.items() if "." not in path]
    return {"__init__.py": template("resources.py.jinja2").render(header=header, resources=top, text=text), **files}


def read_resources(
    document: Document, endpoints: Sequence[Endpoint], schemas: Schemas, faults: Faults
) -> dict[str, Resource]:
    """Return the resources by their dotted names.

    Raises:
        CodegenError: arguments of a method would have one name, or one that the SDK uses.
    """
    resources: dict[str, Resource] = {}
    tags = _Tags(document)
    lists = {endpoint.resource for endpoint in endpoints if endpoint.method == "list"}
    for endpoint in endpoints:
        if endpoint.resource is None:
            continue
        with faults.of(endpoint.call.id, endpoint.call.node):
            # Inside a class with a method `list`, the plain name means that method.
            method = _method(document, endpoint, schemas, "builtins.list" if endpoint.resource in lists else "list")
            resource = _resource(resources, endpoint.resource)
            resource.text = resource.text or tags.about(endpoint)
            resource.methods.append(method)
    for path, resource in resources.items():
        resource.text = resource.text or tags.named(path)
    return resources


def _method(document: Document, endpoint: Endpoint, schemas: Schemas, builtin: str) -> Method:
    arguments = read_arguments(document, endpoint, schemas)
    identifier = arguments[0].name if arguments else ""
    return Method(
        endpoint=endpoint,
        arguments=arguments,
        docstring=method_docstring(endpoint, arguments),
        wait_docstrings=tuple(wait_docstring(endpoint, wait, identifier) for wait in endpoint.waits),
        returns=_RETURNS.get(endpoint.call.shape, "{}").format(endpoint.answer, list=builtin),
    )


class _Tags:
    """What the document says about its tags; a resource is described by a tag of its operations, or of its name."""

    def __init__(self, document: Document) -> None:
        self._texts: dict[str, str] = {
            tag["name"]: text.sentence(tag.get("description", "")) for tag in document.root.get("tags", [])
        }
        self._names = {names.snake(name): said for name, said in self._texts.items()}

    def about(self, endpoint: Endpoint) -> str:
        tagged: list[str] = endpoint.call.node.get("tags", [])
        return next((self._texts[tag] for tag in tagged if self._texts.get(tag)), "")

    def named(self, path: str) -> str:
        return self._names.get(path.replace(".", "_"), "")


def _resource(resources: dict[str, Resource], path: str) -> Resource:
    if path not in resources:
        resources[path] = Resource(path=path)
        parent = path.rpartition(".")[0]
        if parent:
            _resource(resources, parent).children.append(resources[path])
    return resources[path]
