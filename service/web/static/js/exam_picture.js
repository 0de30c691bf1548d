// One picture of an exam: its values as they were kept.
import { byId } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';
import { renderSigns } from './signs.js';
import { _ } from './words.js';

const UNREADABLE = { code: 'exam-damaged', sentence: _('The values of this picture cannot be read.'), next_step: _('Restore the exam from a backup.') };

// A file of the exam; false where it cannot be read.
async function kept(address) {
  const answer = await fetch(address);
  return answer.ok && answer.json();
}

async function open() {
  const { result, signs } = byId('picture').dataset;
  let values;
  let reading = null;
  try {
    values = await kept(result);
    reading = signs ? await kept(signs) : null;
  } catch (lost) {
    renderTrouble({ code: 'service-silent', sentence: _('The service does not answer.'), next_step: _('Open the picture again in a moment.') });
    return;
  }
  if (!values || reading === false) {
    renderTrouble(UNREADABLE);
    return;
  }
  // What the gate refused has no numbers.
  document.body.classList.toggle('refused', values.outcome === 'no-result');
  renderPanel(values);
  renderSigns(byId('signs'), reading);
}

startViews();
byId('picture').addEventListener('error', () => renderTrouble(UNREADABLE));
open();
