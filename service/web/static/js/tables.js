// The two wide views: temperatures per region, and milliseconds per stage.
import { element, fillRows, setText, show } from './dom.js';
import { shown } from './degrees.js';
import { difference, digitsOf, isCelsius, number, regionName, signed, stageName, temperature, unitName } from './formatting.js';
import { _ } from './words.js';

export function table(holder, name, caption, heads) {
  let node = holder.querySelector('table.' + name);
  if (!node) {
    node = element('table', '', name);
    node.append(element('caption'), element('thead'), element('tbody'));
    const row = element('tr');
    heads.forEach((head) => {
      const cell = element('th', head);
      cell.scope = 'col';
      row.append(cell);
    });
    node.tHead.append(row);
    holder.append(node);
  }
  setText(node.caption, caption);
  return node;
}

export function fillTable(node, rows) {
  fillRows(node.tBodies[0], rows, (row) => {
    const line = element('tr');
    const head = element('th', row.key);
    head.scope = 'row';
    line.append(head, ...row.cells.map(() => element('td')));
    return line;
  }, (line, row) => row.cells.forEach((text, index) => setText(line.children[index + 1], text)));
}

export function renderRegions(holder, values) {
  const digits = isCelsius(values) ? 1 : 0;
  const entries = Object.entries(values.regions);
  const remarks = [values.outcome === 'no-result' && _('no result, shown as seen'),
    !isCelsius(values) && _('no temperatures in this picture')].filter(Boolean).join('; ');
  const caption = _('Regions, %(unit)s', { unit: unitName(values) }) + (remarks && ': ' + remarks);
  const regions = table(holder, 'regions', caption, [_('region'), 'n', _('mean'), _('SD'), 'p95', _('max'), _('to neck')]);
  fillTable(regions, entries.map(([name, entry]) => ({
    key: regionName(name),
    cells: [String(entry.n), temperature(entry.mean, digits, values), difference(entry.sd, digits, values),
      temperature(entry.p95, digits, values), temperature(entry.max, digits, values),
      difference(entry.neck_difference, digits, values, signed)],
  })));
  show(regions, entries.length > 0);
  const pairs = Object.entries(values.differences);
  const differences = table(holder, 'differences', _('Left minus right, %(unit)s', { unit: unitName(values) }),
    [_('pair'), _('mean'), 'p95', _('max'), _('mean against threshold')]);
  fillTable(differences, pairs.map(([name, entry]) => ({
    key: regionName(name),
    cells: [[entry.mean, isCelsius(values) ? digitsOf(entry, values) : 0], [entry.p95, digits], [entry.max, digits]]
      .map(([value, places]) => difference(value, places, values, signed)).concat(verdict(entry)),
  })));
  show(differences, pairs.length > 0);
  noteBelow(holder, entries.length ? hottest(values, digits) : _('No regions are marked in this picture.'));
}

// The marked spots and the column max are not of one area; without a word the one looks like a mistake of the other.
function hottest(values, digits) {
  const spots = Object.values(values.hottest).map((spot) => temperature(spot.value, digits, values));
  return spots.length === 0 ? '' : _('Marked %(spots)s: means, the rim is left out; max: one pixel.', { spots: spots.join(', ') });
}

function verdict(entry) {
  if (entry.exceeds === null) {
    return _('not compared');
  }
  return entry.exceeds ? _('above %(threshold)s °C', { threshold: number(entry.threshold_c, 1) })
    : _('not above %(threshold)s °C', { threshold: number(entry.threshold_c, 1) });
}

function noteBelow(holder, text) {
  let note = holder.querySelector('.note');
  if (!note) {
    note = element('p', '', 'note');
    holder.append(note);
  }
  setText(note, text);
  show(note, text !== '');
}

// What was done to the frame before it was analysed; usually nothing.
function corrections(capture) {
  return [
    capture.bad_pixels > 0 && { key: _('bad pixels replaced'), cells: [String(capture.bad_pixels)] },
    capture.offset_c !== null && { key: _('moved to blackbody'), cells: [shown(signed(capture.offset_c, 2), true) + ' ' + _('°C')] },
  ].filter(Boolean);
}

export function renderTiming(holder, values) {
  const stages = Object.entries(values.timings_ms);
  fillTable(table(holder, 'stages', _('Milliseconds per stage'), [_('stage'), 'ms']), stages.map(([name, ms]) => ({
    key: stageName(name), cells: [number(ms, 1)],
  })));
  if (values.live) {
    const live = values.live;
    fillTable(table(holder, 'rates', _('Live picture'), ['', '']), [
      { key: _('camera to page'), cells: [live.latency_ms === null ? '–' : number(live.latency_ms, 0) + ' ms'] },
      { key: _('pictures a second'), cells: [number(live.rate_hz, 1)] },
      { key: _('shown, left out'), cells: [live.shown + ', ' + live.dropped] },
      { key: _('missed, lost, damaged'), cells: [[live.capture.missed, live.capture.lost, live.capture.bad].join(', ')] },
      ...corrections(live.capture),
    ]);
  }
}

