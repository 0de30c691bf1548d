// Keys for text where there is no keyboard: they type into the field that was touched last.
import { countdown } from './wait.js';

const form = document.querySelector('.typed');
const board = form.querySelector('.keyboard');
const fields = [...form.querySelectorAll('.typed-in')];
const wanting = (one) => !one.value || (one.maxLength < 20 && one.value.length < one.maxLength);
let field = fields.find((one) => one.closest('.wrong')) || fields.find(wanting) || fields[0];

for (const one of fields) {
  one.addEventListener('focus', () => { field = one; });
  one.addEventListener('input', onward);
}
field.focus();

function onward() {
  const next = fields[fields.indexOf(field) + 1];
  if (next && field.value.length >= field.maxLength) {
    next.focus();
  }
}

function erase() {
  const before = fields[fields.indexOf(field) - 1];
  if (!field.value && before) {
    before.focus();
  }
  field.value = field.value.slice(0, -1);
}

function capitals(on) {
  for (const key of board.querySelectorAll('[data-key]')) {
    key.dataset.key = on ? key.dataset.key.toUpperCase() : key.dataset.key.toLowerCase();
    if (key.dataset.key !== ' ') {
      key.textContent = key.dataset.key;
    }
  }
}

function press(key) {
  const on = key.getAttribute('aria-pressed') === 'false';
  key.setAttribute('aria-pressed', String(on));
  return on;
}

// The field keeps the focus, so that its frame shows where the letters go.
form.addEventListener('mousedown', (event) => event.target.closest('button') && event.preventDefault());

form.addEventListener('click', (event) => {
  const key = event.target.closest('button');
  if (!key) {
    return;
  }
  if (key.dataset.key && field.value.length < field.maxLength) {
    field.value += key.dataset.key;
    onward();
  } else if ('delete' in key.dataset) {
    erase();
  } else if ('shift' in key.dataset) {
    capitals(press(key));
  } else if ('level' in key.dataset) {
    press(key);
    for (const level of board.querySelectorAll('.level')) {
      level.hidden = !level.hidden;
    }
  } else if ('reveal' in key.dataset) {
    const one = key.parentElement.querySelector('input');
    one.type = one.type === 'text' ? 'password' : 'text';
    key.textContent = one.type === 'text' ? 'Hide' : 'Show';
    one.focus();
  }
});

form.addEventListener('submit', (event) => {
  const next = fields.find(wanting);
  if (next) { // Enter leads from one field to the next
    event.preventDefault();
    next.focus();
  }
});

countdown(form, board.querySelectorAll('button'));
