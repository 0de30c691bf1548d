// One picture of an exam: its values as they were kept.
import { byId } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';

const UNREADABLE = { code: 'exam-damaged', sentence: 'The values of this picture cannot be read.', next_step: 'Restore the exam from a backup.' };

async function open() {
  let values;
  try {
    const answer = await fetch(byId('picture').dataset.result);
    values = answer.ok && await answer.json();
  } catch (lost) {
    renderTrouble({ code: 'service-silent', sentence: 'The service does not answer.', next_step: 'Open the picture again in a moment.' });
    return;
  }
  if (!values) {
    renderTrouble(UNREADABLE);
    return;
  }
  // What the gate refused has no numbers.
  document.body.classList.toggle('refused', values.outcome === 'no-result');
  renderPanel(values);
}

startViews();
byId('picture').addEventListener('error', () => renderTrouble(UNREADABLE));
open();
