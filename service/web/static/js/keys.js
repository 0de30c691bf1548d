// Every physical key of a kiosk, on every page: none acts by itself (swallow.js), and what a scanner sends is read here.
// One screen asks for a code; elsewhere a code does nothing but be told.
import { byId, element } from './dom.js';
import { characterOf, ends, median, readCode } from './scanner.js';
import { _ } from './words.js';

const READY_MS = 300; // keys of a code whose front another page took
const SILENCE_MS = 250;
const SCAN_GAP_MS = 50;
const LEAST = 4;
const MOST = 600;
const TOGETHER_MS = 2000;
const TOLD_MS = 4000;

const root = document.documentElement;
const patterns = JSON.parse(root.dataset.wristbands || '[]');

let handler = null;
let listener = null;
let keys = [];
let timer = 0;
let alt = false;
let ready = false;
let heardAt = -Infinity;
let last = { text: null, at: -Infinity };
const startedAt = performance.now();

// The screen that asks for a code: its function gets { id, groups, text }, or null where what it got is withdrawn because
// another code came at the same time.
export function onScan(wanted) {
  handler = wanted;
}

// The card that a scanner is set up with hears every code as it was sent: { raw, alt, end, gapMs }, and no other use is made
// of it. end is the key that ended it, '' for silence.
export function onCode(wanted) {
  listener = wanted;
}

// One line over the page, gone after some seconds.
export function tell(sentence) {
  const line = byId('told-code') || element('p', '', 'noted');
  line.id = 'told-code';
  line.setAttribute('role', 'status');
  document.body.append(line);
  line.textContent = sentence;
  window.clearTimeout(tell.timer);
  tell.timer = window.setTimeout(() => line.remove(), TOLD_MS);
}

// A warning that stays until somebody has seen it.
function block(title, sentence) {
  if (byId('blocking')) {
    return;
  }
  const over = element('div', '', 'blocking');
  over.id = 'blocking';
  over.setAttribute('role', 'alertdialog');
  over.setAttribute('aria-modal', 'true');
  over.setAttribute('aria-label', title);
  const seen = element('button', _('I have seen it'), 'enter');
  seen.type = 'button';
  seen.addEventListener('click', () => over.remove());
  over.append(element('h2', title), element('p', sentence), seen);
  document.body.append(over);
}

function isReady(now) {
  ready = ready || (now - startedAt > READY_MS && now - heardAt > SILENCE_MS);
  heardAt = now;
  return ready;
}

function take(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.repeat || /^(Shift|Control|Alt|Meta)|^CapsLock$/.test(event.code)) {
    return;
  }
  if (!isReady(event.timeStamp)) {
    return;
  }
  window.clearTimeout(timer);
  if (ends(event)) {
    finish(event.code);
    return;
  }
  const character = characterOf(event);
  alt = alt || event.altKey;
  if (character && keys.length < MOST) {
    keys.push({ character, at: event.timeStamp });
  }
  timer = window.setTimeout(finish, SILENCE_MS, '');
}

function finish(end) {
  const text = keys.map((key) => key.character).join('');
  const gaps = keys.slice(1).map((key, index) => key.at - keys[index].at);
  const wasAlt = alt;
  keys = [];
  alt = false;
  if (text.length >= LEAST && listener) {
    listener({ raw: text, alt: wasAlt, end, gapMs: median(gaps) });
  } else if (text.length >= LEAST && median(gaps) <= SCAN_GAP_MS) {
    scanned(text, wasAlt);
  } else if (text) {
    type(text.replace(/[\x00-\x1f]/g, ''));
  }
}

// Somebody types on a keyboard for service.
function type(text) {
  const field = document.activeElement;
  if (field && field.matches('input[type=text], input[type=password], textarea') && text
      && field.value.length + text.length <= (field.maxLength > 0 ? field.maxLength : MOST)) {
    field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end');
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }
}

function scanned(raw, wasAlt) {
  const now = performance.now();
  const together = now - last.at < TOGETHER_MS;
  const again = together && raw === last.text;
  const other = together && !again;
  last = { text: raw, at: now };
  if (again) {
    return;
  }
  const code = readCode(raw, patterns, wasAlt);
  if (handler && other) {
    handler(null);
    tell(_('Two codes were read. Scan the one that is meant.'));
  } else if (handler && code.id) {
    handler(code);
  } else if (handler) {
    tell(code.problem);
  } else {
    elsewhere(code);
  }
}

function elsewhere(code) {
  const patient = document.querySelector('[data-patient-id]');
  if (!code.id || !patient) {
    tell(_('Code read, not used here.'));
  } else if (code.id === patient.dataset.patientId) {
    tell(_('Code read: it is this patient\'s.'));
  } else {
    block(_('This is another patient.'),
      _('The code says %(code)s. This exam is of %(patient)s.', { code: code.id, patient: patient.dataset.patientId }));
  }
}

if ('keys' in root.dataset) {
  document.addEventListener('keydown', take, true);
}
