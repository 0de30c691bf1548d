// The pad: digits go to the field that was touched last, and nothing can be entered while a wrong PIN makes wait.
import { countdown } from './wait.js';

const form = document.querySelector('.ask');
const fields = [...form.querySelectorAll('input[type=password]')];
const keys = [...form.querySelectorAll('.pad button')];
let field = fields[0];

for (const one of fields) {
  one.addEventListener('focus', () => { field = one; });
}

// The field keeps the focus, so that its frame shows where the digits go.
form.querySelector('.pad').addEventListener('mousedown', (event) => event.preventDefault());

form.addEventListener('click', (event) => {
  const key = event.target.closest('.pad button');
  if (!key || key.type === 'submit') {
    return;
  }
  if (key.dataset.digit && field.value.length < field.maxLength) {
    field.value += key.dataset.digit;
  } else if (!key.dataset.digit) {
    field.value = field.value.slice(0, -1);
  }
});

form.addEventListener('submit', (event) => {
  const empty = fields.find((one) => !one.value);
  if (empty) { // Enter leads from one field to the next
    event.preventDefault();
    empty.focus();
  }
});

countdown(form, keys);
