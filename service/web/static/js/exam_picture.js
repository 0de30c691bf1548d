// One picture of an exam: its values as they were kept, and the viewer.
import { byId } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';
import { renderSigns } from './signs.js';
import { Viewer } from './viewer.js';
import { _ } from './words.js';

const UNREADABLE = { code: 'exam-damaged', sentence: _('This picture or its values cannot be read.'), next_step: _('Restore the exam from a backup.') };
const { exam, parts, result, signs } = byId('kept').dataset;
// Those of the model, where the page shows them.
const asked = new URLSearchParams(window.location.search).get('outlines');
const outlines = asked ? { outlines: asked } : {};

// A file of the exam; false where it cannot be read.
async function kept(address) {
  const answer = await fetch(address);
  return answer.ok && answer.json();
}

async function open() {
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
  renderPanel(values);
  renderSigns(byId('signs'), reading);
}

startViews();
new Viewer({ exam, onShown: () => {}, onLost: () => renderTrouble(UNREADABLE) })
  .open((part, parameters = {}) => parts + '/' + part + '?' + new URLSearchParams({ ...parameters, ...outlines }));
open();
