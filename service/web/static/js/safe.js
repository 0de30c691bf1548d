// The page of safe mode: presses its button without leaving it, since what served the page ends then and could not
// serve another, and goes to the picture when there is one again.
import { byId, show } from './dom.js';

const CHECK_MS = 1000;
const run = byId('safe').dataset.run;
const form = document.querySelector('form');

async function look() {
  try {
    const health = await (await fetch('/healthz')).json();
    if (health.run !== run) { // the picture is back, or safe mode is, of a later start and with its own reason
      window.location.replace('/');
      return;
    }
  } catch (away) {
    // between the end of the one and the start of the other
  }
  window.setTimeout(look, CHECK_MS);
}

function press(event) {
  event.preventDefault();
  show(byId('reason'), false);
  show(byId('starting'), true);
  show(form, false);
  fetch(form.action, { method: 'POST' }).catch(() => {});
}

if (form) {
  form.addEventListener('submit', press);
}
window.setTimeout(look, CHECK_MS);
