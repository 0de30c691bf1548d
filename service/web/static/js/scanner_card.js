// The card of the scanner: what was read, and what is to be set otherwise.
import { byId, element, setIcon, setText } from './dom.js';
import { onCode } from './keys.js';
import { wrongOf } from './scanner.js';
import { _ } from './words.js';

const { card } = document.querySelector('[data-card]').dataset;

onCode((code) => {
  const wrong = wrongOf(card, code);
  setIcon(byId('verdict'), wrong.length ? 'attention' : 'good');
  setText(byId('verdict').lastElementChild, wrong.length ? _('The scanner is to be set otherwise.') : _('The scanner is set right.'));
  byId('wrong').replaceChildren(...wrong.map((sentence) => element('li', sentence)));
  setText(byId('read'), code.raw.replace(/[\x00-\x1f]/g, '\u2423').slice(0, 80));
});
