// How the camera does: a word under the picture, and a sentence over its foot where there is something to do.
import { byId, setIcon, setText, show } from './dom.js';
import { announce } from './panel.js';

const ICONS = { excellent: 'good', fair: 'attention', poor: 'attention', unusable: 'stopped' };
let said = '';

// `stopped`: what stops the picture stands over it already.
export function renderCamera(capture, heard, stopped) {
  const line = byId('camera');
  const note = heard && !stopped ? noteOf(capture) : null;
  const grade = heard ? capture.quality.grade : 'not heard';
  setIcon(line, capture.notice && note ? 'wait' : ICONS[grade] || 'stopped');
  setText(line.lastElementChild, 'Camera ' + grade);
  setText(byId('camera-note'), note ? textOf(note) : '');
  show(byId('camera-note'), Boolean(note));
  if (!note) {
    said = '';
  } else if (note.code !== said && announce(textOf(note))) { // a countdown is one announcement
    said = note.code;
  }
}

const noteOf = (capture) => capture.notice || capture.quality.messages[0] || null;
const textOf = (message) => [message.sentence, message.next_step].filter(Boolean).join(' ');
