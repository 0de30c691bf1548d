// While something is computed: how far it is. When it has ended, the page is asked for again.
import { byId, setText } from './dom.js';

const ASK_MS = 700;

async function ask() {
  try {
    const answer = await fetch(window.location.href);
    const text = await answer.text();
    const now = new DOMParser().parseFromString(text, 'text/html').getElementById('percent');
    if (answer.redirected || !answer.ok || !now) {
      window.location.replace(window.location.href);
      return;
    }
    setText(byId('percent'), now.textContent);
    byId('done').setAttribute('width', now.textContent);
  } catch (lost) {
    // it is asked again
  }
  window.setTimeout(ask, ASK_MS);
}

window.setTimeout(ask, ASK_MS);
