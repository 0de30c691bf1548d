"""The comparison as a Markdown table."""


def markdown(rows, conditions):
    """A table of architectures, cheapest first.

    Args:
        rows (list of dict): ``name``, ``input`` (text), ``cost`` (`Cost`), ``segmenter`` (bool), ``miou``
            (estimate of `models.evaluation`, None where it was not judged).
        conditions (str): machine, threads, data.
    """
    lines = ['| network | input | parameters | GMAC | ONNX, MB | latency over shipped (range) | mIoU (95 % interval) |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    for row in sorted(rows, key=lambda row: row['cost'].gmac):
        cost = row['cost']
        size = ('none', '-', '-')
        if cost.parameters:
            size = ('{:,}'.format(cost.parameters), '%.2f' % cost.gmac, '%.1f' % cost.megabytes)
        lines.append('| %s | %s | %s | %s | %s | %.2f (%.2f to %.2f) | %s |' % (
            (row['name'], row['input']) + size + (cost.ratio,) + cost.ratio_range + (_miou(row),)))
    return '\n'.join(lines + ['', conditions])


def _miou(row):
    if row['miou'] is None:
        return 'not judged' if row['segmenter'] else 'no segmenter'
    low, high = row['miou']['ci95']
    return '%.3f (%.3f to %.3f)' % (row['miou']['value'], low, high)
