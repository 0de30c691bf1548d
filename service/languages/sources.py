"""What the catalogues hold of the Python sources; Babel calls it (babel.cfg), and nothing on a station does."""
import ast
import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from . import PLACEHOLDER

#: How a sentence ends; others may follow it as values.
_SENTENCE = re.compile(r'\.(?: %s)*\Z')

#: How a title begins; a name of the program has no second word.
_TITLE = re.compile(r'[A-Z][a-z]+,?(?: (?!\S*[_{}<>]).*)?\Z')

#: Calls whose arguments with these places are told to people: code, sentence, next step, severity, subject.
_TOLD = (1, 2, 4)


def extract(stream: Any, keywords: Mapping[str, Any], comment_tags: Sequence[str], options: Mapping[str, Any]
            ) -> Iterator[Tuple[int, str, str, List[str]]]:
    """The sentences and marked words of a module, as Babel asks for them.

    A sentence is any text in which a space stands and which ends with a full stop, wherever it is, but for docstrings
    and what goes to the log; further, whatever a `Message`, an error or ``N_`` is made of, and what `admits` asks a PIN
    for.

    Args:
        stream: of the source, as bytes.
        keywords, comment_tags: of Babel; not used.
        options: of the section of babel.cfg. ``titles``: every text that begins with a capital is for the page.

    Yields:
        Line, ``''``, text and no comments.
    """
    tree = ast.parse(stream.read())
    parents: Dict[ast.AST, ast.AST] = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        text = _text(node)
        if text is None or sum(map(str.isalpha, PLACEHOLDER.sub('', text))) < 2 or isinstance(parents[node], ast.Expr):
            continue
        call, place = _call_of(node, parents)
        if call in _UNTOLD:
            continue
        if call == '_key' and place != 2:  # a setting: section, default, sentence
            continue
        told = call in ('N_', 'admits', '_key') or (call.endswith(('Message', 'Error')) and place in _TOLD)
        told = told or 'titles' in options and _TITLE.match(text) is not None
        if told or (' ' in text and _SENTENCE.search(text)):
            yield getattr(node, 'lineno', 0), '', text, []


#: What these are called with is no sentence for the page.
_UNTOLD = ('debug', 'info', 'warning', 'critical', 'exception', 'echo', 'option', 'Summary', 'ValueError',
           'RuntimeError', 'TypeError', 'argument', 'command', 'UsageError', 'printable_line')


def _text(node: ast.AST) -> Any:
    """The text of a constant; None for everything else. Python 3.6 has another node for it than 3.8."""
    value = getattr(node, 's', None) if type(node).__name__ == 'Str' else getattr(node, 'value', None)
    return value if isinstance(value, str) and type(node).__name__ in ('Str', 'Constant') else None


def _call_of(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> Tuple[str, int]:
    """The innermost call that a text is an argument of: its name, and the place of that argument; -1 for a keyword."""
    child = node
    while child in parents:
        parent = parents[child]
        if isinstance(parent, ast.Call) and child is not parent.func:
            place = parent.args.index(child) if child in parent.args else -1
            name = getattr(parent.func, 'attr', getattr(parent.func, 'id', ''))
            if name != 'join' or not isinstance(parent.func, ast.Attribute):
                return name, place
        if isinstance(parent, (ast.Subscript, ast.Compare, ast.FunctionDef, ast.ClassDef)) and parent is not node:
            if isinstance(parent, (ast.Subscript, ast.Compare)):
                return 'subscript', -1
            return '', -1
        child = parent
    return '', -1
