// What the gate warns of may be captured all the same; what blocks may not.
import { byId, setText } from './dom.js';
import { _ } from './words.js';

const button = byId('take').querySelector('button');

document.addEventListener('values', ({ detail: { live } }) => {
  const blocks = live.gate.some((check) => check.severity === 'problem');
  if (!('still' in button.dataset)) {
    button.disabled = blocks;
  }
  setText(button, live.gate_ready || blocks ? _('Capture') : _('Capture anyway'));
});
