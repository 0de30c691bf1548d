// Steps of an exam: what a form leads to takes the place of this screen, so that Back finds nothing old; a tap is taken once.
import { byId, element, icon, show } from './dom.js';
import { lockedSpan } from './viewing.js';
import { _, translated } from './words.js';

const SILENT = { code: 'service-silent', sentence: _('The service does not answer.'), next_step: _('Wait a moment and try again.') };
// What somebody may confirm: the station knows the patient otherwise.
const CONFIRMED = /^patient-/;

export function tell(message) {
  const told = element('div', '', 'told');
  told.setAttribute('role', 'alert');
  const head = element('p', '', 'head');
  head.append(icon('attention'), element('span', translated(message.sentence)));
  told.append(head, element('p', translated(message.next_step || ''), 'step'), element('p', message.code, 'code'));
  const place = byId('told');
  const before = place.querySelector('.told');
  if (before) {
    before.remove();
  }
  place.prepend(told);
  const confirm = byId('confirm');
  if (confirm) {
    show(confirm, CONFIRMED.test(message.code));
  }
}

// Buttons stay off until the answer is there; afterwards those that were off before stay off.
function still(on) {
  for (const button of document.querySelectorAll('button')) {
    if (on && !button.disabled) {
      button.dataset.still = '';
      button.disabled = true;
    } else if (!on && 'still' in button.dataset) {
      delete button.dataset.still;
      button.disabled = false;
    }
  }
  const taking = byId('taking');
  if (taking) {
    show(taking, on);
  }
}

async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button && button.name) {
    fields.append(button.name, button.value);
  }
  still(true);
  let answer;
  try {
    answer = await fetch(form.action, { method: 'POST', body: fields, headers: { Accept: 'application/json' } });
    if (answer.redirected || !(answer.headers.get('Content-Type') || '').startsWith('application/json')) {
      window.location.replace(answer.redirected ? answer.url : window.location.href); // the station was locked meanwhile
      return;
    }
    const told = await answer.json();
    if (answer.ok) {
      window.location.replace(told.next);
      return;
    }
    tell(told);
  } catch (lost) {
    tell(SILENT);
  }
  still(false);
}

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute('action') === '/lock') {
    return;
  }
  event.preventDefault();
  send(form, event.submitter);
});

// Ways to look at the same screen add nothing to the history.
document.addEventListener('click', (event) => {
  const way = event.target.closest('[data-replace]');
  if (way) {
    event.preventDefault();
    window.location.replace(way.href);
  }
});

// Two visits and a series are drawn at the span that is locked for the views of the exam.
for (const way of document.querySelectorAll('a[href*="/beside"], a[href*="/curves"]')) {
  const address = new URL(way.href);
  const span = lockedSpan(address.pathname.split('/')[2]);
  if (span) {
    address.searchParams.set('span', span.join(','));
    way.href = address.href;
  }
}

// A screen that the browser kept is asked for again.
window.addEventListener('pageshow', (event) => event.persisted && window.location.reload());
