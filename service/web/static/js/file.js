// An opened file: its values once, its picture in the chosen layer and palette, all from one reading of the file.
import { byId, element, setText, show } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';
import { renderSigns } from './signs.js';
import { _ } from './words.js';

const AGAIN_MS = 700;
const file = byId('file');
const picture = byId('picture');
const palette = byId('palette');
const layers = Array.from(document.querySelectorAll('[data-layer]'));
const frame = Number(file.dataset.frame);

// Stands for the bytes that were read: a picture that is asked for by it is never another file's.
let id = '';
let pictureRetried = false;

function query(entries) {
  return new URLSearchParams(Object.entries(entries).filter(([, value]) => value));
}

function pageAddress(changes) {
  return '/open?' + query({ path: decodeURIComponent(file.dataset.path), scale: file.dataset.scale, frame, order: file.dataset.order, ...changes });
}

function fetchPicture() {
  const layer = layers.find((button) => button.getAttribute('aria-pressed') === 'true').dataset.layer;
  picture.src = '/open/overlay.png?' + query({ id, layer, palette: palette.value });
}

async function ask(entries) {
  try {
    const answer = await fetch('/open/result?' + query(entries));
    return { ok: answer.ok, values: await answer.json() };
  } catch (lost) {
    return { ok: false, values: { code: 'service-silent', sentence: _('The service does not answer.'), next_step: _('Open the file again in a moment.') } };
  }
}

async function openFile() {
  const { ok, values } = await ask({ path: decodeURIComponent(file.dataset.path), scale: file.dataset.scale, frame });
  if (ok) {
    id = values.id;
    renderFrames(values.frames);
    document.body.classList.remove('refused');
    renderPanel(values);
    renderSigns(byId('signs'), values.signs);
    fetchPicture();
  } else if (values.code === 'opening-busy') {
    setTimeout(openFile, AGAIN_MS);
  } else {
    refuse(values);
  }
}

function refuse(message) {
  const facts = message.facts || {};
  renderTrouble(message);
  renderFrames(facts.frames || 1);
  renderScales(Object.entries(facts.scales || {}));
  picture.hidden = true;
  document.body.classList.add('refused');
}

function renderFrames(frames) {
  show(byId('frames'), frames > 1);
  setText(byId('count'), _('Frame %(number)s of %(all)s', { number: frame, all: frames }));
  show(byId('previous'), frame > 1);
  show(byId('next'), frame < frames);
  byId('previous').href = pageAddress({ frame: Math.min(frame - 1, frames) });
  byId('next').href = pageAddress({ frame: frame + 1 });
}

function renderScales(scales) {
  show(byId('scales'), scales.length > 0);
  byId('scales').replaceChildren(...scales.map(([scale, meaning]) => {
    const choice = element('a', '', 'button');
    choice.append(element('b', meaning), element('span', scale));
    choice.href = pageAddress({ scale });
    return choice;
  }));
}

picture.addEventListener('load', () => {
  pictureRetried = false;
  picture.hidden = false;
  renderTrouble(null);
});
picture.addEventListener('error', async () => {
  const { ok, values } = await ask({ id });
  if (values.code === 'opened-gone') {
    openFile();
  } else if (ok && !pictureRetried) {
    pictureRetried = true;
    setTimeout(fetchPicture, AGAIN_MS);
  } else {
    renderTrouble({ code: 'picture-missing', sentence: _('The picture cannot be shown.'), next_step: _('Go back to the folder and open the file again.') });
  }
});
palette.addEventListener('change', fetchPicture);
layers.forEach((button) => button.addEventListener('click', () => {
  layers.forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
  fetchPicture();
}));

startViews();
openFile();
