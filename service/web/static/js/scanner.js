// What a scanner sends: which character a key is, and what a code says. Pure functions.

import { _ } from './words.js';

const SHIFTED = { 0: ')', 1: '!', 2: '@', 3: '#', 4: '$', 5: '%', 6: '^', 7: '&', 8: '*', 9: '(' };
const SIGNS = {
  Space: '  ', Minus: '-_', Equal: '=+', BracketLeft: '[{', BracketRight: ']}', Backslash: '\\|', Semicolon: ';:',
  Quote: '\'"', Backquote: '`~', Comma: ',<', Period: '.>', Slash: '/?', NumpadDecimal: '..', NumpadAdd: '++',
  NumpadSubtract: '--', NumpadMultiply: '**', NumpadDivide: '//',
};
const CONTROLS = { BracketLeft: 0x1b, Backslash: 0x1c, BracketRight: 0x1d, Digit6: 0x1e, Minus: 0x1f };

const NOT_ONE = _('This is not a wristband. Scan again.');
const DAMAGED = _('The check digit of this code is wrong. Scan again.');
const ALT_MODE = _('The scanner sends ALT codes. Set it to a keyboard of the United States without ALT mode.');
const TOO_LONG = _('This code is too long. Scan a wristband.');

const CAPITALS = _('Letters come in the other case. Switch off Caps Lock at the scanner.');
const COUNTRY = _('Some characters are others. Set the scanner to the keyboard of the United States.');
const NOT_THE_CARD = _('This is not the test code, or a part of it is missing. Scan it again.');
const NO_PREFIX = _('Have the scanner send the AIM identifier before a code.');
const NO_ENTER = _('Have the scanner send Enter after a code.');
const SLOW = _('The scanner is slow. Set the time between two characters to 20 ms or less.');
const SLOW_MS = 30;

const MOST = 512;
const GS = '\x1d';

// The character of a key by its place on a keyboard of the United States, whatever layout is set and whether CapsLock is
// on: a scanner presses keys and knows neither. '' for a key that has none.
export function characterOf({ code, shiftKey, ctrlKey }) {
  const letter = /^Key([A-Z])$/.exec(code);
  if (ctrlKey) {
    const control = letter ? letter[1].charCodeAt(0) - 64 : CONTROLS[code];
    return control ? String.fromCharCode(control) : '';
  }
  if (letter) {
    return shiftKey ? letter[1] : letter[1].toLowerCase();
  }
  const digit = /^(Digit|Numpad)([0-9])$/.exec(code);
  if (digit) {
    return shiftKey && digit[1] === 'Digit' ? SHIFTED[digit[2]] : digit[2];
  }
  return SIGNS[code] ? SIGNS[code][shiftKey ? 1 : 0] : '';
}

// Enter, Tab and a line feed end a code.
export const ends = (key) => /^(Enter|NumpadEnter|Tab)$/.test(key.code) || /[\n\r\t]/.test(characterOf(key));

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// As GS1 has it: weights 3 and 1 from the right, the check digit not counted.
export function hasCheckDigit(digits) {
  const sum = [...digits.slice(0, -1)].reverse().reduce((total, digit, index) => total + Number(digit) * (index % 2 ? 1 : 3), 0);
  return (10 - sum % 10) % 10 === Number(digits.slice(-1));
}

// What a code says: { id, groups, text } of a wristband, or { problem, text } with a sentence.
export function readCode(raw, patterns, altKey = false) {
  const code = raw.replace(/^\x02/, '').replace(/\x03$/, '');
  const aim = (/^\]([A-Za-z][0-9A-Za-z])/.exec(code) || [])[1] || '';
  let text = code.slice(aim ? 3 : 0);
  if (aim[0] === 'A') {
    text = text.replace(/^\*(.*)\*$/, '$1');
  }
  text = text.trim();
  const problem = (sentence) => ({ problem: sentence, text: text.slice(0, 80) });
  if (altKey) {
    return problem(ALT_MODE);
  }
  if (raw.length > MOST) {
    return problem(TOO_LONG);
  }
  const isGs1 = ['C1', 'e0', 'd2', 'Q3', 'J1'].includes(aim);
  const relation = /(?:^|\x1d)8018([0-9]{18})(?:\x1d|$)/.exec(text);
  if (relation && (isGs1 || text.length === 22)) {
    return hasCheckDigit(relation[1]) ? { id: relation[1], groups: { id: relation[1] }, text } : problem(DAMAGED);
  }
  if (isGs1 || aim[0] === 'E' || text.includes(GS)) { // goods, drugs
    return problem(NOT_ONE);
  }
  for (const pattern of patterns) {
    const found = new RegExp('^(?:' + pattern + ')$').exec(text);
    if (found) {
      return { id: found.groups.id, groups: { ...found.groups }, text };
    }
  }
  return problem(NOT_ONE);
}

// What is to be set otherwise at a scanner that sent the test code of the card; none where all is right.
export function wrongOf(card, { raw, alt, end, gapMs }) {
  const code = raw.replace(/^\x02/, '').replace(/\x03$/, '');
  const text = code.replace(/^\][A-Za-z][0-9A-Za-z]/, '');
  const other = text.replace(/[A-Za-z]/g, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()));
  return [
    alt && ALT_MODE,
    !alt && text !== card && (other === card ? CAPITALS : text.length === card.length ? COUNTRY : NOT_THE_CARD),
    text === code && NO_PREFIX,
    !/Enter$/.test(end) && NO_ENTER,
    gapMs > SLOW_MS && SLOW,
  ].filter(Boolean);
}
