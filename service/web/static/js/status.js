// The status page: fetches itself every few seconds and takes over what has changed.
import { byId, show } from './dom.js';

const EVERY_MS = 2000;

async function look() {
  try {
    const answer = await fetch(window.location.href);
    if (answer.redirected || !answer.ok) { // safe mode, or another version of the service
      window.location.reload();
      return;
    }
    const text = await answer.text();
    const now = new DOMParser().parseFromString(text, 'text/html').getElementById('now');
    for (const part of now.querySelectorAll('details')) { // what was opened stays open
      part.open = Boolean(document.querySelector(`details[open][data-subject="${part.dataset.subject}"]`));
    }
    if (now.innerHTML !== byId('now').innerHTML) {
      byId('now').replaceChildren(...now.children);
    }
    show(byId('silent'), false);
  } catch (away) {
    show(byId('silent'), true);
  }
  window.setTimeout(look, EVERY_MS);
}

window.setTimeout(look, EVERY_MS);
