"""The part of the JSON schema of FHIR R4 that a transaction of ours touches, cut out of the whole one.

    python -m tests.service.hospital.fhir_schema fhir.schema.json > tests/service/hospital/fhir-r4.schema.json

The whole one has 3.5 MB and is part of the published standard [FHIR4], which is in the public domain (CC0). Left out
are texts, extensions, what is contained, and the resources that we do not send.
"""
import json
import re
import sys
from typing import Any, Dict

#: The resources of a transaction.
RESOURCES = ('Bundle', 'Patient', 'Device', 'ImagingStudy', 'Observation', 'DiagnosticReport')

_LEFT_OUT = re.compile('_.*|extension|modifierExtension|contained|language|implicitRules|meta|id|assigner')
_REFERENCE = '#/definitions/'


def cut(schema: Dict[str, Any]) -> Dict[str, Any]:
    """A schema for `RESOURCES` alone, that is as strict for them."""
    kept: Dict[str, Any] = {'ResourceList': {'oneOf': [{'$ref': _REFERENCE + name} for name in RESOURCES[1:]]}}
    wanted = ['Bundle'] + list(RESOURCES[1:])
    while wanted:
        name = wanted.pop()
        if name in kept:
            continue
        definition = {key: value for key, value in schema['definitions'][name].items() if key != 'description'}
        if 'properties' in definition:
            definition['properties'] = {
                key: {word: value for word, value in entry.items() if word != 'description'}
                for key, entry in definition['properties'].items()
                if key in definition.get('required', ())
                or not _LEFT_OUT.fullmatch(key) and entry.get('$ref') != _REFERENCE + 'Narrative'}
        kept[name] = definition
        wanted += re.findall('"#/definitions/([A-Za-z0-9_]+)"', json.dumps(definition))
    return {'$schema': schema['$schema'], 'id': schema['id'], '$ref': _REFERENCE + 'Bundle',
            'definitions': {name: kept[name] for name in sorted(kept)}}


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as stream:
        json.dump(cut(json.load(stream)), sys.stdout, sort_keys=True, separators=(',', ':'))
