"""``python -m models.pruning DIR ...``: a table of networks that thermoscreen prune made."""
import json
import sys
from pathlib import Path

import click

from service.messages import InputError, ThermoscreenError

from ..training.run import METRICS
from .run import table


@click.command()
@click.argument('folders', nargs=-1, required=True, type=click.Path(path_type=Path), metavar='DIR...')
def main(folders):
    """Print a Markdown table of pruned networks, run folders of thermoscreen prune."""
    records = {}
    for folder in folders:
        try:
            records[folder.name] = json.loads((folder / METRICS).read_text(encoding='utf-8'))['pruning']
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError('pruning-missing', '%s holds no pruned network.' % folder,
                             'Name run folders of thermoscreen prune.', detail=repr(error))
    click.echo(table(records))


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.pruning: %s' % error)
