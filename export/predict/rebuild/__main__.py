"""``python -m export.predict.rebuild``: networks with published figures, as tables of kernels."""
import gc
import json
from pathlib import Path

import click
import torch

from export.check.graph import Graph
from export.check.read import read_model
from export.targets import load_target
from service.durable import atomic_write

from ..fusion import fuse
from ..kernel import gathered, layers, total_macs
from ..published import LAYERS
from .parts import to_onnx
from .subjects import subjects


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the tables, such as %s.' % LAYERS.name)
@click.option('--only', multiple=True, metavar='TEXT', help='Graphs whose name holds this; repeatable. Others in '
              'the file stay as they are.')
def main(out, only):
    """Rebuild every network that has a published figure on a Jetson Nano and write its kernels.

    Weights are random: only shapes count. Prints beside each what was published about its size.

    \b
    Example:
      python -m export.predict.rebuild --out build/layers.json
    """
    tables = json.loads(out.read_text(encoding='utf-8')) if only and out.exists() else {}
    for name, subject in subjects().items():
        if not only or any(text in name for text in only):
            tables[name] = table = distil(subject)
            click.echo(describe(name, subject, table), err=True)
            gc.collect()
            atomic_write(out, dump({name: tables[name] for name in subjects() if name in tables}).encode('utf-8'))


def distil(subject):
    """The table of a network: ``{'weights', 'layers', 'gmac', 'rows'}``; a row as `Kernel.row` gives it."""
    torch.manual_seed(0)
    network = subject.make()
    data = to_onnx(network, subject.shape)
    kernels = fuse(Graph(read_model(data), load_target('jetson-nano'), len(data))).kernels
    return {'weights': sum(one.numel() for one in network.parameters()), 'layers': layers(kernels),
            'gmac': round(total_macs(kernels) / 1e9, 4), 'published_gmac': subject.gmac,
            'published_million_weights': subject.million_weights, 'origin': subject.origin,
            'rows': [kernel.row() for kernel in gathered(kernels)]}


def describe(name, subject, table):
    """One line: what was built against what was published."""
    parts = ['%s: %d layers' % (name, table['layers'])]
    for title, built, published in (('GMAC', table['gmac'], subject.gmac),
                                    ('million weights', table['weights'] / 1e6, subject.million_weights)):
        parts.append('%.3f %s' % (built, title) + (
            ' (published %g, %+.1f %%)' % (published, 100 * (built / published - 1)) if published else ''))
    return ', '.join(parts)


def dump(tables):
    """Tables as JSON with a kernel a line."""
    parts = []
    for name, table in tables.items():
        head = json.dumps({key: value for key, value in table.items() if key != 'rows'})
        rows = ',\n  '.join(json.dumps(row) for row in table['rows'])
        parts.append('"%s": %s, "rows": [\n  %s]}' % (name, head[:-1], rows))
    return '{\n%s\n}\n' % ',\n'.join(parts)


if __name__ == '__main__':
    main()
