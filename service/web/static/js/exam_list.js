// A list does not move by itself: what came meanwhile waits behind a button.
import { byId, setText, show } from './dom.js';
import { _ } from './words.js';

const ASK_MS = 10000;
const list = document.querySelector('[data-newest]');

async function ask() {
  try {
    const answer = await fetch('/exams/news?after=' + list.dataset.newest, { headers: { Accept: 'application/json' } });
    const { new: count } = answer.ok && !answer.redirected ? await answer.json() : { new: 0 };
    setText(byId('news'), _('%(count)s new, show', { count }));
    show(byId('news'), count > 0);
  } catch (lost) {
    // asked again
  }
  window.setTimeout(ask, ASK_MS);
}

if (list) {
  window.setTimeout(ask, ASK_MS);
}
