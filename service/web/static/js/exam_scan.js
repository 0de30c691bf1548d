// A screen that asks for a wristband: what was read stands there for a second before it can be confirmed.
import { onScan } from './keys.js';

const READ_MS = 1000;
const field = document.querySelector('.typed-in');
const enter = field.form.querySelector('.enter');

onScan((code) => {
  field.value = code ? code.id : '';
  enter.disabled = true;
  window.setTimeout(() => { enter.disabled = false; }, READ_MS);
});
