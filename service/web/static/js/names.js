// A name that the fonts of this screen cannot show is replaced by the patient's number, and says so: nobody is confirmed by
// boxes. What stands in the place of a missing letter is what the font draws for a place that no letter has.
import { _ } from './words.js';

const SIZE = 48;
const NO_LETTER = '\u{10ffff}';

function drawn(context, text) {
  context.clearRect(0, 0, SIZE, SIZE);
  context.fillText(text, 8, 36);
  return context.getImageData(0, 0, SIZE, SIZE).data.join();
}

// Whether the fonts have every letter of a text.
export function canShow(text, font) {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.font = '28px ' + font;
  const missing = drawn(context, NO_LETTER);
  return [...text].every((letter) => /\s/.test(letter) || drawn(context, letter) !== missing);
}

async function look() {
  await document.fonts.ready;
  const { fontFamily } = getComputedStyle(document.body);
  for (const node of document.querySelectorAll('[data-number]')) {
    if (/[^\u0000-\u024f]/.test(node.textContent) && !canShow(node.textContent, fontFamily)) {
      node.lastChild.textContent = _('%(number)s (this screen cannot show the name)', { number: node.dataset.number });
    }
  }
}

look();
