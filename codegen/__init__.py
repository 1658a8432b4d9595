"""The compiler from the OpenAPI document to the SDK's generated modules; run it as `python -m codegen`.

One module is one step, and each hands a plain value to the next; `pipeline` calls them in this order:

    load        the document, with its `overlay` applied, valid OpenAPI 3.1, in the known `vocabulary`
    places      every operation has a resource and a method, or belongs to the SDK itself
    calls       one `Call` an operation: parameters, body, shape of the answer; inline bodies get names
    normalise   the `schemas` that calls reach, as plain structs and closed enums, apart for answers and requests
    models      anton_async/models, written by datamodel-code-generator in two passes
    operations  anton_async/resources/operations.py, the table of `Operation`s; `sensitive` fields are in it
    resources   one module a resource: the methods a user calls, from `arguments` and `docstrings`
    verify      every struct can be decoded
    diff        write, or compare (`--check`)

Beside them: `document` and `errors` (what every step uses), `location` (where in the file an error lies), `names`,
`patterns` and `text` (how things are called, matched and described), `render` and `templates/` (Jinja2).
"""
