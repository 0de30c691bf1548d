// An opened file: its values once, its picture in the chosen layer and palette.
import { byId } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';

const file = byId('file');
const picture = byId('picture');
const palette = byId('palette');
const layers = Array.from(document.querySelectorAll('[data-layer]'));

function address(route, more = {}) {
  const query = new URLSearchParams({ path: file.dataset.path, frame: file.dataset.frame });
  if (file.dataset.scale) {
    query.set('scale', file.dataset.scale);
  }
  Object.entries(more).forEach(([key, value]) => query.set(key, value));
  return '/open' + route + '?' + query;
}

function fetchPicture() {
  const layer = layers.find((button) => button.getAttribute('aria-pressed') === 'true').dataset.layer;
  picture.src = address('/overlay.png', { layer, palette: palette.value });
}

async function fetchValues() {
  let answer;
  try {
    answer = await fetch(address('/result'));
  } catch (lost) {
    refuse({ code: 'service-silent', sentence: 'The service does not answer.', next_step: 'Open the file again in a moment.' });
    return;
  }
  const values = await answer.json();
  if (answer.ok) {
    renderPanel(values);
    fetchPicture();
  } else {
    refuse(values);
  }
}

function refuse(message) {
  renderTrouble(message);
  picture.hidden = true;
}

picture.addEventListener('load', () => {
  picture.hidden = false;
  renderTrouble(null);
});
picture.addEventListener('error', () => renderTrouble({
  code: 'picture-missing', sentence: 'The picture cannot be shown.', next_step: 'Go back to the folder and open the file again.',
}));
palette.addEventListener('change', fetchPicture);
layers.forEach((button) => button.addEventListener('click', () => {
  layers.forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
  fetchPicture();
}));

// The page of a file that cannot be read has its message already.
if (!('refused' in file.dataset)) {
  startViews();
  fetchValues();
}
