// How the camera does: one line while all is well, a sentence to act on where it is not.
import { byId, setIcon, setText } from './dom.js';
import { announce } from './panel.js';

const ICONS = { excellent: 'good', fair: 'attention', poor: 'attention', unusable: 'stopped' };
let said = '';

// `stopped`: what stops the picture stands over it already.
export function renderCamera(capture, heard, stopped) {
  const line = byId('camera');
  const { icon, words, code, noted } = heard ? describe(capture, stopped) : { icon: 'stopped', words: 'Camera not heard', code: '' };
  setIcon(line, icon);
  setText(line.lastElementChild, words);
  line.classList.toggle('noted', Boolean(noted));
  document.body.classList.toggle('noted', Boolean(noted));
  if (!noted) {
    said = '';
  } else if (code !== said && announce(words)) { // a countdown is one announcement
    said = code;
  }
}

function describe(capture, stopped) {
  if (capture.notice && !stopped) {
    return { icon: 'wait', words: capture.notice.sentence, code: capture.notice.code, noted: true };
  }
  const { grade, reasons } = capture.quality;
  const words = 'Camera ' + grade;
  return grade === 'excellent' || stopped
    ? { icon: ICONS[grade], words, code: '' }
    : { icon: ICONS[grade], words: words + '. ' + reasons[0].sentence, code: reasons[0].code, noted: true };
}
