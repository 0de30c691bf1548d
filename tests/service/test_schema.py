"""What is said of a document that does not match its schema."""
import json

import pytest

from service.schema import schema_problem

SCHEMA = {'type': 'object', 'required': ['file'], 'additionalProperties': False,
          'properties': {'file': {'type': 'string'}, 'runs': {'type': 'array', 'items': {'type': 'integer'}}}}


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / 'schema.json'
    path.write_text(json.dumps(SCHEMA))
    return str(path)


def test_a_document_that_matches(schema):
    assert schema_problem(schema, {'file': 'a', 'runs': [1, 2]}) is None


@pytest.mark.parametrize('document, problem', [
    ({}, 'the document must contain'), ([], 'the document must be object'), (None, 'the document must be object'),
    ({'file': 3}, 'file must be string'), ({'file': 'a', 'runs': [1, 'x']}, 'runs[1] must be integer'),
    ({'file': 'a', 'more': 1}, 'the document must not contain')])
def test_the_place_and_what_is_wrong_there(schema, document, problem):
    assert schema_problem(schema, document).startswith(problem)


def test_a_huge_value_makes_no_huge_sentence(schema):
    assert len(schema_problem(schema, {'file': 'a', 'x' * 5000: 1})) <= 200
