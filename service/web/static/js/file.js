// An opened file: its values once, and the viewer, all from one reading of the file.
import { byId, element, setText, show } from './dom.js';
import { renderPanel, renderTrouble, startViews } from './panel.js';
import { renderSigns } from './signs.js';
import { Viewer } from './viewer.js';
import { _ } from './words.js';

const AGAIN_MS = 700;
const file = byId('file');
const frame = Number(file.dataset.frame);

// Stands for the bytes that were read: a picture that is asked for by it is never another file's.
let id = '';
let hasRetried = false;

function query(entries) {
  return new URLSearchParams(Object.entries(entries).filter(([, value]) => value));
}

function pageAddress(changes) {
  return '/open?' + query({ path: decodeURIComponent(file.dataset.path), scale: file.dataset.scale, frame, order: file.dataset.order, ...viewer.carried(), ...changes });
}

function showPicture() {
  viewer.open((part, parameters = {}) => '/open/' + part + '?' + query({ id, ...parameters }));
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
    showPicture();
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
  byId('picture').hidden = true;
  document.body.classList.add('refused');
}

function renderFrames(frames) {
  show(byId('frames'), frames > 1);
  setText(byId('count'), _('Frame %(number)s of %(all)s', { number: frame, all: frames }));
  show(byId('previous'), frame > 1);
  show(byId('next'), frame < frames);
  const lead = () => {
    byId('previous').href = pageAddress({ frame: Math.min(frame - 1, frames) });
    byId('next').href = pageAddress({ frame: frame + 1 });
  };
  lead();
  byId('frames').onpointerdown = lead; // with the palette and the span as they are then
  byId('frames').onfocusin = lead;
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

function shown() {
  hasRetried = false;
  renderTrouble(null);
}

async function lost() {
  const { ok, values } = await ask({ id });
  if (values.code === 'opened-gone') {
    openFile();
  } else if (ok && !hasRetried) {
    hasRetried = true;
    setTimeout(showPicture, AGAIN_MS);
  } else {
    renderTrouble({ code: 'picture-missing', sentence: _('The picture cannot be shown.'), next_step: _('Go back to the folder and open the file again.') });
  }
}

startViews();
const viewer = new Viewer({ exam: '', onShown: shown, onLost: lost });
openFile();
