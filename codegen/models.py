"""The fourth step: `anton_async/models`, the structs of answers and requests.

datamodel-code-generator writes them in two passes over the normalised schemas. Docstrings and defaults, which the
normal form keeps apart from the types, come in through its templates.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datamodel_code_generator import Error, InputFileType, LiteralType, generate
from datamodel_code_generator.enums import DataModelType, NamingStrategy, OpenAPIScope
from datamodel_code_generator.format import DatetimeClassType, PythonVersion

from codegen import names, text
from codegen.document import Node, reference
from codegen.errors import CodegenError
from codegen.render import TEMPLATES, template
from codegen.schemas import AMOUNT, TIMESTAMP, Member, Schemas, Side, Struct, or_null

_ENUMS = "generated_enums"
"""Stands for the module `.enums` while datamodel-code-generator runs: it takes absolute import paths only."""


_IMPORTS = (
    ("anton_async.masking", "Masked"),
    ("datetime", "datetime"),
    ("msgspec", "Meta"),
    ("msgspec", "UNSET"),
    ("msgspec", "UnsetType"),
    ("msgspec", "field"),
    ("typing", "Annotated"),
    ("typing", "ClassVar"),
)
"""What the templates use, and the generator imports only where its own templates would."""

_FLAG = re.compile(r",?[^.:;,]*\s--[a-z][\w-]*")
"""What the generator says about flags of its own, which nobody here can set."""

_PATTERN = re.compile(r"pattern=('(?:[^'\\\\]|\\\\.)*')")


def render_models(schemas: Schemas, header: str) -> dict[str, str]:
    """Return the files of `models/` by name.

    Raises:
        CodegenError: datamodel-code-generator refused a schema, warned, or named something differently.
    """
    answers, requests, enums = schemas.answers.structs, schemas.requests.structs, schemas.enums
    public = {
        "enums": sorted([*enums, *terminals(schemas)]),
        "requests": sorted(name for name in requests if not name.endswith("Query")),
        "responses": sorted(answers),
    }
    return {
        "__init__.py": template("models.py.jinja2").render(header=header, public=public),
        "enums.py": template("enums.py.jinja2").render(header=header, enums=enums.values(), text=text, names=names),
        "responses.py": _pass(schemas, header, request=False),
        "requests.py": _pass(schemas, header, request=True),
    }


def terminals(schemas: Schemas) -> list[str]:
    """Return the names of the constants that hold terminal states."""
    return [f"{names.constant(name)}_TERMINAL" for name, enum in schemas.enums.items() if enum.terminal]


def _pass(schemas: Schemas, header: str, *, request: bool) -> str:
    side = schemas.requests if request else schemas.answers
    what = "What the SDK sends, checked against the document first." if request else "What the API answers."
    document: Node = {
        "openapi": "3.1.0",
        "info": {"title": "Anton", "version": "1"},
        "paths": {},
        "components": {"schemas": _input(schemas, side, request=request)},
    }
    if not side.structs and not request:
        return f'{header}\n"""{what}"""\n'
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            source = generate(
                document,
                input_file_type=InputFileType.OpenAPI,
                openapi_scopes=[OpenAPIScope.Schemas],
                output_model_type=DataModelType.MsgspecStruct,
                output_datetime_class=DatetimeClassType.Datetime,
                target_python_version=PythonVersion.PY_311,
                naming_strategy=NamingStrategy.FullPath,
                enum_field_as_literal=LiteralType.All,
                strict_nullable=True,
                strict_refs=True,
                keyword_only=True,
                snake_case_field=True,
                use_annotated=request,
                use_object_type=True,
                field_extra_keys={"description"} if request else set(),
                disable_timestamp=True,
                formatters=[],
                settings_path=Path(__file__).parent,
                custom_template_dir=TEMPLATES / "structs",
                custom_file_header=f'{header}\n"""{what}"""\n',
                additional_imports=[f"{module}.{name}" for module, name in _IMPORTS],
                type_overrides={
                    **{name: f"{_ENUMS}.{name}" for name in schemas.enums},
                    AMOUNT: "anton_async.money.Amount",
                },
                extra_template_data=_template_data(side, request=request),
            )
    except (Error, Warning) as error:
        side_name = "requests" if request else "answers"
        what = " ".join(_FLAG.sub("", str(error)).split()).rstrip(".")
        raise CodegenError(
            f"The schemas of {side_name} cannot be rendered: {what}. Describe them differently in the overlay."
        ) from error
    if not isinstance(source, str):
        raise CodegenError("datamodel-code-generator wrote no single module. Check the names of the schemas.")
    for name in (*side.structs, *side.scalars):
        if f"class {name}(" not in source and f"\n{name}: TypeAlias" not in source:
            raise CodegenError(f"Schema {name}: its class cannot be called that. Rename the schema in the document.")
    return _PATTERN.sub(_raw, source.replace(f"from {_ENUMS} import", "from .enums import"))


def _raw(found: re.Match[str]) -> str:
    """Write a pattern as a raw string, as people write patterns."""
    value = str(ast.literal_eval(found[1]))
    return f"pattern=r{value!r}".replace("\\\\", "\\") if "\\" in value and not {"'", '"'} & set(value) else found[0]


def _input(schemas: Schemas, side: Side, *, request: bool) -> Node:
    """Return the schemas as the generator shall see them: every field required, so that it writes types alone."""
    stubs: Node = {name: {"type": "string"} for name in schemas.enums}
    stubs[TIMESTAMP] = {"type": "string", "format": "date-time"}
    if request:
        stubs[AMOUNT] = {"type": "string"}
    structs = {name: _schema(struct, request=request) for name, struct in side.structs.items()}
    return {**stubs, **side.scalars, **structs}


def _schema(struct: Struct, *, request: bool) -> Node:
    own: Node = {
        "type": "object",
        "properties": {
            member.name: or_null(member.schema, member.nullable or not (request or member.required))
            for member in struct.members
        },
        "required": [member.name for member in struct.members],
    }
    return {"allOf": [reference(struct.base), own]} if struct.base else own


def _template_data(side: Side, *, request: bool) -> defaultdict[str, dict[str, Any]]:
    options = {"frozen": True, "kw_only": True, **({"forbid_unknown_fields": True} if request else {})}
    data: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    data["#all#"] = {"base_class_kwargs": options}
    for struct in side.structs.values():
        data[struct.name] = {
            "docstring": text.docstring(text.sentence(struct.text), indent=4) if struct.text else "",
            "members": {member.name: _member_data(member, request=request) for member in struct.members},
            **_mask(side, struct),
        }
    return data


def _mask(side: Side, struct: Struct) -> Mapping[str, str]:
    """Return what the template has to know of a struct with sensitive fields of its own."""
    if not any(member.sensitive for member in struct.members):
        return {}
    base = side.structs[struct.base] if struct.base else None
    if base is not None and _mask(side, base):
        return {"masked_base": base.name, "inherited_mask": f" | {base.name}.sensitive_fields"}
    return {"masked_base": f"Masked, {base.name}" if base else "Masked"}


def _member_data(member: Member, *, request: bool) -> Mapping[str, str]:
    description = text.sentence(member.facts.get("description", ""))
    if request:
        description = f"{description} {text.about_null(member)}".strip()
    docstring = {"docstring": text.docstring(description, indent=4) if description else ""}
    if member.sensitive:
        docstring["sensitive"] = "yes"
    if member.required:
        return docstring
    return {**docstring, "type": " | UnsetType", "default": "UNSET"} if request else {**docstring, "default": "None"}
