"""Documents held against a JSON Schema: manifests, records of engines, measurements."""
import functools
import json
from typing import Any, Callable, Optional

import fastjsonschema


def schema_problem(path: str, document: Any) -> Optional[str]:
    """What is wrong with a document, in a few words such as ``'golden.file must be string'``.

    Args:
        path: file of the schema (draft 7), which comes with this program: code is generated from it.
        document: any value out of JSON.
    Returns:
        None where the document matches.
    """
    try:
        _validator(path)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        # Every message begins with the place, and every place with the library's name for the whole.
        where = error.name[len('data'):].lstrip('.') or 'the document'
        return (where + error.message[len(error.name):])[:200]
    return None


@functools.lru_cache(maxsize=None)
def _validator(path: str) -> Callable[[Any], Any]:
    with open(path, encoding='utf-8') as stream:
        validate: Callable[[Any], Any] = fastjsonschema.compile(json.load(stream), use_default=False)
    return validate
