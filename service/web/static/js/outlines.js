// Outlines corrected by hand. A finger need not hit the line: the place of the outline that is nearest to it follows, and
// what is around that place follows less, so that a glove sees what it does and no outline ever crosses itself.
import { byId, setText, show } from './dom.js';
import { tell } from './exam.js';
import { difference, number, temperature } from './formatting.js';

const SILENT = { code: 'service-silent', sentence: 'The service does not answer.', next_step: 'Wait a moment and try again.' };
const SVG = 'http://www.w3.org/2000/svg';
const sheet = byId('sheet');
const { width, height } = sheet.viewBox.baseVal;
// Of the frame: how far a drag reaches, the longest edge that is bent as one, and a step of a key.
const REACH = width / 9;
const EDGE = width / 110;
const KEY_STEP = width / 320;
const WHOLE = new Set(['right_nipple', 'left_nipple']); // their place is wrong and rarely their shape

const kept = JSON.parse(sheet.dataset.outlines);
const outlines = Object.fromEntries(Object.entries(kept).map(([name, corners]) => [name, fine(corners)]));
const changed = new Set();
const undone = [];
let chosen = document.querySelector('[data-region][aria-pressed=true]').dataset.region;
let whole = false;
let grip = null; // the place that is held
let last = null; // where the finger was
let place = 0; // on the outline, for keys
let before = null;
let asking = false;
let asksAgain = false;

// Long edges get corners in between, so that they bend.
function fine(corners) {
  return corners.flatMap(([x, y], index) => {
    const [nextX, nextY] = corners[(index + 1) % corners.length];
    const parts = Math.max(1, Math.ceil(Math.hypot(nextX - x, nextY - y) / EDGE));
    return Array.from({ length: parts }, (_unused, part) => [x + (nextX - x) * part / parts, y + (nextY - y) * part / parts]);
  });
}

const line = (parent, name) => {
  const node = document.createElementNS(SVG, name);
  parent.append(node);
  return node;
};

const lines = Object.fromEntries(Object.keys(outlines).map((name) => {
  const group = line(sheet, 'g');
  return [name, { group, nodes: [line(group, 'path'), line(group, 'path')] }];
}));
const held = line(sheet, 'circle');
held.setAttribute('r', width / 60);
held.setAttribute('class', 'held');

function draw() {
  for (const [name, { group, nodes }] of Object.entries(lines)) {
    const path = 'M' + outlines[name].map(([x, y]) => x.toFixed(1) + ' ' + y.toFixed(1)).join('L') + 'Z';
    nodes.forEach((node) => node.setAttribute('d', path));
    group.setAttribute('class', name === chosen ? 'outline chosen' : 'outline');
  }
  sheet.insertBefore(lines[chosen].group, held);
  const shown = grip || (document.activeElement === sheet && outlines[chosen][place]);
  held.setAttribute('visibility', shown ? 'visible' : 'hidden');
  if (shown) {
    held.setAttribute('cx', shown[0]);
    held.setAttribute('cy', shown[1]);
  }
  byId('undo').disabled = undone.length === 0;
  byId('save').disabled = changed.size === 0;
}

const inside = (value, most) => Math.min(Math.max(value, 0), most - 1);

// Small steps only: each keeps what was apart apart.
function move(dx, dy) {
  const steps = Math.max(1, Math.ceil(4 * Math.hypot(dx, dy) / REACH));
  for (let step = 0; step < steps; step += 1) {
    outlines[chosen] = outlines[chosen].map(([x, y]) => {
      const away = whole ? 0 : Math.hypot(x - grip[0], y - grip[1]) / REACH;
      const share = away < 1 ? (1 + Math.cos(Math.PI * away)) / 2 / steps : 0;
      return [inside(x + dx * share, width), inside(y + dy * share, height)];
    });
    grip = [inside(grip[0] + dx / steps, width), inside(grip[1] + dy / steps, height)];
  }
  draw();
}

function nearest(at) {
  const away = outlines[chosen].map(([x, y]) => Math.hypot(x - at[0], y - at[1]));
  return away.indexOf(Math.min(...away));
}

function begin(index) {
  undone.push([chosen, outlines[chosen], changed.has(chosen)]);
  changed.add(chosen);
  place = index;
  grip = [...outlines[chosen][index]];
}

function end() {
  grip = null;
  last = null;
  outlines[chosen] = fine(outlines[chosen]);
  place = Math.min(place, outlines[chosen].length - 1);
  draw();
  ask();
}

const written = (name) => outlines[name].map(([x, y]) => Math.round(x) + ' ' + Math.round(y)).join(' ');

function fields() {
  return [...changed].map((name) => [name, written(name)]);
}

// The numbers that would count; the newest outlines are asked for once the answer before is there.
async function ask() {
  if (asking) {
    asksAgain = true;
    return;
  }
  asking = true;
  try {
    const body = new URLSearchParams([...fields(), ['csrf', document.querySelector('meta[name=csrf]')?.content || '']]);
    const answer = await fetch(sheet.dataset.tried, { method: 'POST', body, headers: { Accept: 'application/json' } });
    const told = await answer.json();
    const wrong = byId('told').querySelector('.told');
    if (!answer.ok) {
      tell(told);
    } else if (wrong) {
      wrong.remove();
    }
    if (answer.ok) {
      before = told;
      fill();
    }
  } catch (lost) {
    tell(SILENT);
  }
  asking = false;
  if (asksAgain) {
    asksAgain = false;
    ask();
  }
}

function fill() {
  const digits = before.unit === 'celsius' ? 2 : 0;
  for (const row of document.querySelectorAll('[data-tells]')) {
    const kind = row.dataset.tells;
    ['before', 'after'].forEach((when, index) => {
      const values = before[when];
      setText(row.cells[index + 1], kind === 'region' ? temperature(values.regions[chosen], digits, before)
        : kind === 'met' ? number(values[kind], 0) : difference(values[kind], digits, before));
    });
  }
}

function choose(name) {
  chosen = name;
  place = 0;
  document.querySelectorAll('[data-region]').forEach((one) => one.setAttribute('aria-pressed', String(one.dataset.region === name)));
  wholly(WHOLE.has(name));
  if (before) {
    fill();
  }
  draw();
}

function wholly(on) {
  whole = on;
  byId('whole').setAttribute('aria-pressed', String(on));
}

function inFrame(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(sheet.getScreenCTM().inverse());
  return [at.x, at.y];
}

sheet.addEventListener('pointerdown', (event) => {
  if (event.isPrimary && event.button === 0 && !last) {
    sheet.setPointerCapture(event.pointerId);
    last = inFrame(event);
  }
});
sheet.addEventListener('pointermove', (event) => {
  if (!last || !event.isPrimary) {
    return;
  }
  const at = inFrame(event);
  if (!grip) {
    begin(nearest(last));
  }
  move(at[0] - last[0], at[1] - last[1]);
  last = at;
});
for (const kind of ['pointerup', 'pointercancel']) {
  sheet.addEventListener(kind, (event) => {
    if (event.isPrimary && grip) {
      end();
    }
    last = null;
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAGES = { PageUp: -1, PageDown: 1 };

sheet.addEventListener('keydown', (event) => {
  const arrow = ARROWS[event.key];
  if (arrow) {
    begin(place);
    move(...arrow.map((part) => part * KEY_STEP * (event.shiftKey ? 4 : 1)));
    end();
  } else if (PAGES[event.key]) {
    const { length } = outlines[chosen];
    place = (place + PAGES[event.key] * Math.ceil(length / 24) + length) % length;
    draw();
  } else {
    return;
  }
  event.preventDefault();
});
sheet.addEventListener('focus', draw);
sheet.addEventListener('blur', draw);

document.querySelectorAll('[data-region]').forEach((one) => one.addEventListener('click', () => choose(one.dataset.region)));
byId('whole').addEventListener('click', () => wholly(!whole));
byId('undo').addEventListener('click', () => {
  const [name, corners, was] = undone.pop();
  outlines[name] = corners;
  if (!was) {
    changed.delete(name);
  }
  choose(name);
  ask();
});

function asksWhy(on) {
  document.body.className = on ? 'exam asking' : 'exam taking';
  show(byId('why'), on);
  show(byId('frame'), !on);
  show(document.querySelector('.onward'), !on);
}
byId('save').addEventListener('click', () => asksWhy(true));
byId('on').addEventListener('click', () => asksWhy(false));
byId('why').addEventListener('formdata', (event) => fields().forEach(([name, corners]) => event.formData.set(name, corners)));

choose(chosen);
ask();
