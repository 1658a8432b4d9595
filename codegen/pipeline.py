"""All steps in their order: from a document to the finished files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from codegen.apipage import API, render_api
from codegen.calls import read_calls
from codegen.diff import DOCUMENT, MARK
from codegen.document import Document, render
from codegen.errors import CodegenError, Faults, about
from codegen.events import close_types, read_events, render_events
from codegen.load import load, load_foreign
from codegen.location import located
from codegen.models import render_models
from codegen.normalise import normalise
from codegen.operations import add_error_codes, read_endpoints
from codegen.places import check_places
from codegen.resources import read_resources, render_resources
from codegen.table import render_table
from codegen.verify import find_failure

PACKAGE = Path(__file__).resolve().parent.parent / "anton_async"

# Import order and unused imports only: other rules would move what msgspec needs at run time.
_RUFF = (("check", "--fix", "--select", "I,F401"), ("format",))
_SETTINGS = (
    "line-length = 120",
    'target-version = "py311"',
    'lint.isort.known-first-party = ["anton_async"]',
    "lint.isort.split-on-trailing-comma = false",
    "format.skip-magic-trailing-comma = true",
)


def compile_document(spec: Path, overlay: Path | None) -> dict[str, str]:
    """Return the generated files by their path below the package.

    Raises:
        CodegenError: the document cannot be compiled; the message says how to mend it.
    """
    document = load(spec, overlay)
    with located(document.root, spec):
        return _compile(document, Faults())


def compile_foreign(spec: Path) -> tuple[dict[str, str], list[str]]:
    """Return the generated files of a document that no overlay fits, and what of it they leave out, one line each.

    Raises:
        CodegenError: the file holds no OpenAPI 3 document, or nothing of it can be compiled.
    """
    document, losses = load_foreign(spec)
    faults = Faults(lenient=True)
    files = _compile(document, faults)
    left_out = [f"{name} is left out: {why.removeprefix(f'{name}: ')}" for name, why in faults.kept.items()]
    return files, [*left_out, *losses, *faults.doubts]


def _compile(document: Document, faults: Faults) -> dict[str, str]:
    header = f"{MARK} from {document.source} (sha256:{document.digest[:16]}): do not edit."
    check_places(document)
    calls, extended = read_calls(document, faults)
    events = () if faults.lenient else read_events(document)
    schemas = normalise(extended, calls, [event.schema for event in events], faults)
    close_types(events, schemas)
    sound = [call for call in calls if call.id not in faults.kept]
    endpoints = read_endpoints(extended, sound, schemas, faults)
    add_error_codes(endpoints, schemas)
    tree = read_resources(extended, endpoints, schemas, faults)
    resources = render_resources(tree, schemas, header)
    table = [endpoint for endpoint in endpoints if endpoint.call.id not in faults.kept]
    if faults.kept and not table:
        name, why = next(iter(faults.kept.items()))
        raise CodegenError(f"None of its {len(faults.kept)} operations can be compiled; {name}, for one: {why}")
    resources["operations.py"] = render_table(table, tree, schemas, header)
    files = {
        **{f"models/{name}": source for name, source in render_models(schemas, header).items()},
        **{f"resources/{name}": source for name, source in resources.items()},
    }
    if events:
        files["models/events.py"] = render_events(events, schemas, header)
    page = render_api(tree, header)
    return {**_finish(files, document), DOCUMENT: render(document.root), API: page}


def _finish(files: Mapping[str, str], document: Document) -> dict[str, str]:
    """Format the modules, and make sure that every struct can be decoded."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory) / "generated"
        for name, source in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(source, encoding="utf-8")
        for arguments in _RUFF:
            _ruff(*arguments, directory=tree)
        failure = find_failure(tree, PACKAGE)
        if failure is not None:
            with about(document.schemas.get(failure.partition(":")[0])):
                raise CodegenError(
                    f"No Decoder can be built for {failure}. Describe it differently in the overlay, or remove what "
                    "cannot be told apart there with `remove: true`."
                )
        return {name: (tree / name).read_text(encoding="utf-8") for name in files}


def _ruff(*arguments: str, directory: Path) -> None:
    settings = [part for setting in _SETTINGS for part in ("--config", setting)]
    command = [
        sys.executable,
        "-m",
        "ruff",
        *arguments,
        "--isolated",
        "--no-cache",
        "--quiet",
        *settings,
        str(directory),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CodegenError(f"ruff {arguments[0]} refused the generated code: {result.stdout}{result.stderr}")
