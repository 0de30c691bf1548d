"""What the station answers to phantoms of every kind: the view it names, or the check that refused the frame."""
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

import click

from models.phantoms import PhantomSet
from models.progress import bar
from service.pipeline import Pipeline
from service.result import Result
from service.thermogram import Thermogram
from service.views import FRONTAL_VIEWS, VIEWS

#: How often every answer was given to frames of one kind.
Answers = Dict[str, Counter]


def shown(planted: Dict[str, Any], view: str) -> str:
    """What a frame shows, from `models.phantoms.PhantomSet.planted` and ``views``."""
    if planted.get('thing'):
        return str(planted['thing'])
    facts = [view]
    if view in FRONTAL_VIEWS:
        facts += ['blurred'] * bool(planted.get('defocus') or planted.get('motion'))
        facts += ['breast absent'] * bool(planted.get('absent_breasts'))
        facts += ['breast out of the picture'] * bool(planted.get('out_of_frame'))
    return ', '.join(facts)


def answered(result: Result) -> str:
    """The view that a result names, or the code of the first check that stood in its way."""
    return result.refusals[0].code if result.refusals else result.view or 'result'


def measure(pipeline: Pipeline, phantoms: PhantomSet, indices: Iterable[int]) -> Answers:
    """Analyse frames of a phantom set as the device would.

    Args:
        pipeline: started.
    """
    answers: Answers = {}
    for index in indices:
        what = shown(phantoms.planted[index], str(phantoms.views[index]))
        result = pipeline.analyse(Thermogram.from_celsius(phantoms.celsius(index), 'phantom'))
        answers.setdefault(what, Counter())[answered(result)] += 1
    return answers


def markdown(answers: Answers) -> str:
    """The answers as a Markdown table: a row per kind, a column per answer, views first."""
    columns = sorted(set().union(*answers.values()), key=_place)
    rows = sorted(answers.items(), key=lambda row: _place(row[0].split(', ')[0]))
    lines = ['| shown | n | %s |' % ' | '.join(columns), '| --- ' * (len(columns) + 2) + '|']
    lines += ['| %s | %d | %s |' % (what, sum(counts.values()), ' | '.join(str(counts[column] or '')
                                                                           for column in columns))
              for what, counts in rows]
    return '\n'.join(lines)


def _place(name: str) -> Tuple[int, str]:
    names: List[str] = list(VIEWS)
    return (names.index(name), '') if name in names else (len(names), name)


@click.command()
@click.argument('bundle', type=click.Path(file_okay=False, path_type=Path))
@click.option('--phantoms', required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              metavar='DIR', help='A phantom set, such as phantoms/test of a training.')
@click.option('--threads', default=0, metavar='N', help='Threads of one inference; 0 for every core.')
def main(bundle: Path, phantoms: Path, threads: int) -> None:
    """Count what the station answers to phantoms of every kind.

    \b
    Example:
      python -m models.evaluation.views service/bundles/phantom-fpn --phantoms build/phantom-fpn/phantoms/test
    """
    opened = PhantomSet(phantoms)
    with Pipeline.from_folder(str(bundle), threads) as pipeline, bar('Measuring')(range(len(opened))) as indices:
        answers = measure(pipeline, opened, indices)
    identity = pipeline.bundle.manifest.identity
    click.echo('%s %s on the %d frames of %s.\n' % (identity['id'], identity['version'], len(opened), phantoms))
    click.echo(markdown(answers))


if __name__ == '__main__':
    main()
