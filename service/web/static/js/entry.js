// Entry without a keyboard: what the keys of _entry.html do. They act when they are touched, and the field keeps the
// focus and its caret. What has no field (a PIN, a date, a reason) is a variable here and joins the form as it is sent.
import { byId, setText, show } from './dom.js';
import { countdown } from './wait.js';
import { _ } from './words.js';

const form = document.querySelector('[data-entry]');
const board = form.querySelector('.keyboard');
const PIN_DIGITS = 12;

class Pin {
  constructor(node) {
    this.node = node;
    this.set('');
  }

  set(digits) {
    this.digits = digits;
    setText(this.node, '\u2022'.repeat(digits.length));
    setText(byId(this.node.id + '-told'), digits.length === 1 ? _('1 digit') : _('%(count)s digits', { count: digits.length }));
  }

  insert(text) {
    if (/^[0-9]$/.test(text) && this.digits.length < PIN_DIGITS) {
      this.set(this.digits + text);
    }
  }

  erase() {
    this.set(this.digits.slice(0, -1));
  }

  wanting() {
    return this.digits ? '' : _('Type the PIN.');
  }

  focus() {
    form.querySelectorAll('.dots').forEach((one) => one.toggleAttribute('data-current', one === this.node));
  }

  collect(data) {
    data.set(this.node.dataset.pin, this.digits);
  }
}

class Field {
  constructor(node) {
    this.node = node;
    node.setSelectionRange(node.value.length, node.value.length);
    node.addEventListener('focus', () => { current = this; });
  }

  fits(text) {
    return text.length <= this.node.maxLength;
  }

  // A script is exempt from maxlength, so the length is looked at here.
  put(text, start, end) {
    const { value } = this.node;
    if (this.fits(value.slice(0, start) + text + value.slice(end))) {
      this.node.setRangeText(text, start, end, 'end');
      this.node.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }
  }

  insert(text) {
    this.put(text, this.node.selectionStart, this.node.selectionEnd);
  }

  erase() {
    const { value, selectionStart: start, selectionEnd: end } = this.node;
    const before = Array.from(value.slice(0, start)).pop() || ''; // one character may be two units of UTF-16
    this.put('', start === end ? start - before.length : start, end);
  }

  wanting() {
    return this.node.value.trim() || 'optional' in this.node.dataset ? '' : _('Type it first.');
  }

  focus() {
    this.node.focus();
  }
}

// One of several short fields: the next one follows by itself, and Delete leads back.
class Group extends Field {
  insert(text) {
    super.insert(text);
    const next = targets[targets.indexOf(this) + 1];
    if (next && this.node.value.length >= this.node.maxLength) {
      next.focus();
    }
  }

  erase() {
    const before = targets[targets.indexOf(this) - 1];
    if (!this.node.value && before) {
      before.focus();
      before.erase();
    } else {
      super.erase();
    }
  }

  wanting() {
    return this.node.value.length < this.node.maxLength ? _('Type it first.') : '';
  }
}

class Quantity extends Field {
  constructor(node) {
    super(node);
    node.select(); // the first digit replaces the value of before
  }

  fits(text) {
    return super.fits(text) && /^\d*([.,]\d{0,2})?$/.test(text);
  }

  wanting() {
    const { low, high, optional } = this.node.dataset;
    const text = this.node.value.trim().replace(',', '.');
    const number = text ? Number(text) : NaN;
    const right = text ? number >= Number(low) && number <= Number(high) : optional !== undefined;
    return right ? '' : _('Type a number from %(low)s to %(high)s.', { low, high });
  }
}

const days = (year, month) => new Date(Date.UTC(year, month, 0)).getUTCDate();
const around = (value, most) => ((((value - 1) % most) + most) % most) + 1;
const pad = (value, digits) => String(value).padStart(digits, '0');

class Steps {
  constructor(node) {
    this.node = node;
    this.isWhole = node.querySelector('[data-shown=day]') !== null; // else the year is enough, and so is nothing
    this.set = this.parse(node.dataset.date);
    this.start = this.parse(node.dataset.start);
    this.show();
  }

  parse(text) {
    const [year, month, day] = text.split('-').map(Number);
    return text ? { year, month, day } : {};
  }

  // The first touch of a part shows where it starts, the others step.
  step(part, by) {
    const { set } = this;
    const most = { day: days(set.year || 2000, set.month || 1), month: 12 };
    if (!set[part]) {
      set[part] = this.start[part];
    } else {
      set[part] = part === 'year' ? Math.min(9999, Math.max(1, set.year + by)) : around(set[part] + by, most[part]);
    }
    if (set.day) {
      set.day = Math.min(set.day, days(set.year || 2000, set.month || 1));
    }
    this.show();
  }

  show() {
    const months = this.node.dataset.months.split(' ');
    for (const [part, value] of Object.entries(this.set)) {
      const shown = this.node.querySelector('[data-shown=' + part + ']');
      setText(shown, part === 'month' ? months[value - 1] : String(value));
      shown.toggleAttribute('data-set', true);
    }
  }

  date() {
    const { year, month, day } = this.set;
    const parts = [year && pad(year, 4), month && pad(month, 2), day && pad(day, 2)].filter(Boolean);
    return year && (parts.length === 3 || !this.isWhole) ? parts.join('-') : '';
  }

  wanting() {
    const { low, high } = this.node.dataset;
    const date = this.date();
    if (!date) {
      return this.isWhole ? _('Set day, month and year.') : this.set.month ? _('Set the year.') : '';
    }
    if (date >= low && (!high || date <= high)) {
      return '';
    }
    return high ? _('Set a date from %(low)s to %(high)s.', { low, high }) : _('Set a date from %(low)s on.', { low });
  }

  collect(data) {
    if (this.date()) {
      data.set(this.node.dataset.name, this.date());
    }
  }
}

class Reasons {
  constructor(node) {
    this.node = node;
    this.words = null;
    this.own = new Field(form.querySelector('.own-words input'));
  }

  choose(key) {
    this.words = key.dataset.reason;
    this.node.querySelectorAll('[aria-pressed]').forEach((one) => one.setAttribute('aria-pressed', String(one === key)));
  }

  other(wanted) {
    show(this.node, !wanted);
    show(form.querySelector('.own-words'), wanted);
    this.words = null;
    if (wanted) {
      this.own.focus();
    }
  }

  wanting() {
    return this.node.hidden ? this.own.wanting() : this.words || 'optional' in this.node.dataset ? '' : _('Choose one.');
  }

  collect(data) {
    data.set(this.node.dataset.reasons, this.node.hidden ? this.own.node.value : this.words || '');
  }
}

function targetOf(node) {
  if ('pin' in node.dataset) {
    return new Pin(node);
  }
  if ('date' in node.dataset) {
    return new Steps(node);
  }
  if ('reasons' in node.dataset) {
    return new Reasons(node);
  }
  if ('low' in node.dataset) {
    return new Quantity(node);
  }
  return node.closest('.groups') ? new Group(node) : new Field(node);
}

let current = null;
const targets = [...form.querySelectorAll('[data-pin], [data-date], [data-reasons], .typed-in[name]')].map(targetOf);
const wrong = targets.find((one) => one.node.closest('.wrong'));
lead(wrong || targets.find((one) => one.wanting()) || targets[0]);

function lead(target) {
  current = target;
  if (target.focus) {
    target.focus();
  }
}

// Letters: capitals hold for one letter, accents too; digits until they are left.
let language = board && board.querySelector('[lang]') ? board.querySelector('[lang]').lang : '';
let level = 'letters';
let capital = false;

function wantsCapital() {
  const { node } = current;
  return 'words' in node.dataset && /(^|[\s-])$/.test(node.value.slice(0, node.selectionStart));
}

function draw() {
  for (const one of board.querySelectorAll('.level')) {
    show(one, one.dataset.level === level && (!one.lang || one.lang === language));
  }
  for (const key of board.querySelectorAll('.level[lang] [data-key]')) {
    key.dataset.lower = key.dataset.lower || key.dataset.key;
    key.dataset.key = capital && key.dataset.lower !== 'ß' ? key.dataset.lower.toUpperCase() : key.dataset.lower;
    setText(key, key.dataset.key);
  }
  for (const key of board.querySelectorAll('[data-shift]')) {
    key.setAttribute('aria-pressed', String(capital));
  }
  for (const key of board.querySelectorAll('[data-to]')) {
    key.setAttribute('aria-pressed', String(key.dataset.to === level));
  }
  const accents = [...board.querySelectorAll('.level[lang="' + language + '"][data-level=accents] [data-key]')];
  setText(board.querySelector('[data-to=accents]'), accents.slice(0, 2).map((key) => key.dataset.key).join(''));
  const languages = [...board.querySelectorAll('[data-language]')];
  const next = languages[(languages.findIndex((key) => key.dataset.language === language) + 1) % languages.length];
  languages.forEach((key) => show(key, key === next));
}

function letters(change) {
  if (board && language) {
    change();
    draw();
  }
}

function press(key) {
  const { dataset } = key;
  if ('key' in dataset) {
    current.insert(dataset.key);
    letters(() => {
      capital = wantsCapital();
      level = level === 'accents' ? 'letters' : level;
    });
  } else if ('delete' in dataset) {
    current.erase();
    letters(() => { capital = wantsCapital(); });
  } else if ('shift' in dataset) {
    letters(() => { capital = !capital; });
  } else if ('to' in dataset) {
    letters(() => { level = level === dataset.to ? 'letters' : dataset.to; });
  } else if ('language' in dataset) {
    letters(() => { language = dataset.language; level = 'letters'; });
  } else if ('pin' in dataset) {
    lead(targets.find((one) => one.node === key));
  } else if ('step' in dataset) {
    current.step(dataset.part, Number(dataset.step));
  } else if ('reason' in dataset) {
    targets[0].choose(key);
  } else if ('other' in dataset || 'backToList' in dataset) {
    targets[0].other('other' in dataset);
  } else if ('reveal' in dataset) {
    const field = key.parentElement.querySelector('input');
    field.type = field.type === 'text' ? 'password' : 'text';
    setText(key, field.type === 'text' ? _('Hide') : _('Show'));
    field.focus();
  }
}

const keyOf = (event) => event.target.closest('button:not([type=submit])');

form.addEventListener('pointerdown', (event) => {
  const key = keyOf(event);
  if (key && !key.disabled && event.button === 0) {
    event.preventDefault();
    press(key);
  }
});
form.addEventListener('mousedown', (event) => event.target.closest('button') && event.preventDefault());
form.addEventListener('click', (event) => { // of a keyboard or a screen reader
  if (keyOf(event) && event.detail === 0) {
    press(keyOf(event));
  }
});

// A PIN that is typed: where the station's keys do nothing, keys.js lets none through.
document.addEventListener('keydown', (event) => {
  if (!(current instanceof Pin) || event.target.matches('input, select') || event.ctrlKey || event.altKey) {
    return;
  }
  if (event.key === 'Backspace') {
    current.erase();
  } else if (event.key === 'Enter' && !event.target.matches('a, button:not(.dots)')) {
    event.preventDefault();
    form.requestSubmit();
  } else {
    current.insert(event.key);
  }
});

form.addEventListener('submit', (event) => {
  const wanting = targets.find((one) => one.wanting());
  if (!wanting) {
    return;
  }
  event.preventDefault(); // Enter leads from one field to the next
  const told = form.querySelector('.told-entry');
  if (told && wanting === current) {
    setText(told, wanting.wanting());
    show(told, true);
  }
  lead(wanting);
});
form.addEventListener('formdata', (event) => {
  targets.filter((one) => one.collect).forEach((one) => one.collect(event.formData));
});
window.addEventListener('pagehide', () => targets.filter((one) => one instanceof Pin).forEach((one) => one.set('')));

letters(() => { capital = wantsCapital(); });
form.querySelectorAll('fieldset').forEach((keys) => { keys.disabled = false; });
countdown(form, form.querySelectorAll('.pad button, .keyboard button'));
