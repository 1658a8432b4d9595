"""The compiler from the OpenAPI document to the SDK's generated modules; run it as `python -m codegen`.

Each module is one step, and each hands a plain value to the next; `pipeline` calls them in this order:

    load        the document, with its `overlay` applied, valid OpenAPI 3.1, in the known `vocabulary`
    places      every operation has a resource and a method, or belongs to the SDK itself
    calls       one `Call` an operation: parameters, body, `files`, shape of the answer; inline bodies get names
    events      the webhooks of the document, and the struct of each
    normalise   the `schemas` that these reach, as plain structs and closed enums, apart for answers and requests
    operations  one `Endpoint` an operation, with `rules`, `waits` and `sensitive` fields
    resources   one module a resource: the methods a user calls, from `arguments` and `docstrings`
    table       anton_async/resources/operations.py, the endpoints as data
    models      anton_async/models, written by datamodel-code-generator in two passes
    apipage     docs/api.md, every method on one page
    verify      every struct can be decoded
    diff        write, or compare (`--check`)

A document that others wrote comes without an overlay. It takes another way in, and what cannot be compiled is named and
left out:

    upgrade     OpenAPI 3.0 as 3.1
    simplify    schemas that the compiler would refuse, as the simplest thing that is true
    foreign     both of these, names that Python takes, and a place for each operation after its tag and `operationId`

`examples` says what the tests in tests/conformance still need of a new document.

`python -m codegen diff OLD NEW` says what changed for a user: `edition` reads each document, `values` compares types
and bounds, `changes` everything else.

Beside them: `document` and `errors` (what every step uses), `location` (where in the file an error lies), `names`,
`patterns` and `text` (how things are called, matched and described), `render` and `templates/` (Jinja2).
"""
