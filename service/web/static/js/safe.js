// The page of safe mode: presses its button without leaving the page, since its server ends then and could not serve
// another one, and goes to the picture when there is one again.
import { byId, show } from './dom.js';

const CHECK_MS = 1000;
const run = byId('safe').dataset.run;
const form = document.querySelector('form');

async function look() {
  try {
    const health = await (await fetch('/healthz')).json();
    if (health.run !== run) { // the picture is back, or a later start is in safe mode for its own reason
      window.location.replace('/');
      return;
    }
  } catch (away) {
    // between the end of one server and the start of the next
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

form.addEventListener('submit', press);
form.querySelector('button').disabled = false; // before, the browser would leave for a page that nobody serves
window.setTimeout(look, CHECK_MS);
