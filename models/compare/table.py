"""The comparison as a Markdown table."""


def markdown(rows, conditions):
    """A table of architectures, cheapest first.

    Args:
        rows (list of dict): ``name``, ``input`` (text), ``cost`` (`Cost`), ``miou`` (estimate of
            `models.evaluation`, or None for what is no segmenter).
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
            (row['name'], row['input']) + size + (cost.ratio,) + cost.ratio_range + (_miou(row['miou']),)))
    return '\n'.join(lines + ['', conditions])


def _miou(estimate):
    if estimate is None:
        return 'no segmenter'
    low, high = estimate['ci95']
    return '%.3f (%.3f to %.3f)' % (estimate['value'], low, high)
