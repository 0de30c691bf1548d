"""The table on the terminal."""
import click

from service.simulator import make_phantom

from . import compare, markdown, measure

#: Phantoms of this table, used by no training set.
FIRST_SEED = 5000
HEIGHT, WIDTH = 480, 640


@click.command()
@click.option('--count', default=200, show_default=True, type=click.IntRange(2, 5000), help='Healthy phantoms.')
@click.option('--data', metavar='DIR', help='Labelled patients, measured the same way in a column of their own.')
def main(count, data):
    """Healthy phantoms against published statistics of healthy patients.

    \b
    Example:
      python -m models.phantom_statistics --count 200
    """
    phantoms = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        phantom = make_phantom(seed, HEIGHT, WIDTH, abnormal=False)
        # The camera's own offset is no property of a body, and the published frames had a good camera.
        phantoms.append(measure(phantom.celsius - phantom.planted['offset_c'], phantom.labels))
    patients = _measured(data) if data else []
    rows = compare(phantoms, patients)
    click.echo(markdown(rows, count, len(patients)))
    off = [row['quantity'].name for row in rows if not row['agrees']]
    click.echo('\n%d of %d agree%s' % (len(rows) - len(off), len(rows), '; off: ' + ', '.join(off) if off else ''))


def _measured(data):
    from ..data import open_data
    found = []
    for sample in open_data(data).labelled():
        thermogram = sample.thermogram()
        found.append(measure(thermogram.pixels, sample.labels(thermogram.pixels.shape)))
    return found


if __name__ == '__main__':
    main()
