// The signs of a picture that is kept or was opened: measurement, threshold, and whether it is met. No grade.
import { element, show } from './dom.js';
import { shown } from './degrees.js';
import { number } from './formatting.js';
import { fillTable, table } from './tables.js';
import { _, translated } from './words.js';

const STATES = { met: _('met'), 'not-met': _('not met'), 'not-assessable': _('not assessable') };

const inUnit = (sign, value, digits) => (sign.unit === 'index' ? number(value, digits) : shown(number(value, digits), true));

// How much warmer which side is, or how much warmer a place than what is around it.
function measurement(sign) {
  if (sign.value === null) {
    return sign.state === 'not-met' ? _('none found') : '\u2013';
  }
  const size = Math.abs(sign.value);
  const digits = sign.unit === 'index' || size.toFixed(1) === sign.threshold.toFixed(1) ? 2 : 1;
  if (sign.compares !== 'sides') {
    return inUnit(sign, sign.value, digits);
  }
  const text = inUnit(sign, size, digits);
  return text + (Number(text) === 0 ? '' : ' ' + (sign.value > 0 ? _('left') : _('right')));
}

export function renderSigns(holder, reading) {
  holder.replaceChildren();
  if (!reading) {
    holder.append(element('p', _('This picture was kept before signs were computed.'), 'note'));
    return;
  }
  const rows = reading.signs.map((sign) => ({
    key: translated(sign.title),
    cells: [measurement(sign), inUnit(sign, sign.threshold, 1) + (sign.verified ? '' : '*'), STATES[sign.state]],
  }));
  fillTable(table(holder, 'signs', _('Signs, °C: how much warmer, and on which side'), [_('sign'), _('measured'), _('threshold'), '']), rows);
  reading.signs.forEach((sign, index) => holder.querySelectorAll('tbody tr')[index].classList.toggle('met', sign.state === 'met'));
  const patch = reading.signs.find((sign) => sign.name === 'mirror-patch').numbers;
  if (patch.clock) {
    holder.append(element('p', _('Patch: %(breast)s, %(clock)s o\u2019clock, %(distance)s mm from the nipple, %(area)s cm². Outlines fit to %(residual)s mm.', {
      breast: translated(patch.side + ' breast'),
      clock: patch.clock,
      distance: number(patch.from_nipple_mm, 0),
      area: number(patch.patch_cm2, 1),
      residual: number(patch.residual_mm, 0),
    })));
  }
  const reasons = reading.signs.filter((sign) => sign.state === 'not-assessable').map((sign) => sign.sentence);
  [...new Set(reasons)].forEach((reason) => holder.append(element('p', _('Not assessable: %(reason)s', { reason: translated(reason) }), 'note')));
  const notes = element('p', _('* Own, or source not read in full. Women who are well meet some too.'), 'note');
  holder.append(notes);
  show(notes, rows.length > reasons.length);
}
