// The worklist does not move by itself: what came meanwhile waits behind a button, and a wristband picks its row.
import { byId, setText, show } from './dom.js';
import { onScan } from './keys.js';
import { _ } from './words.js';

const ASK_MS = 10000;
const WAIT_MS = 500;
const here = document.querySelector('[data-read]');
const form = byId('scanned');

onScan((code) => {
  if (code) {
    form.elements.number.value = code.id;
    form.submit();
  }
});

async function ask() {
  const waits = 'asking' in here.dataset;
  try {
    const answer = await fetch('/worklist/news', { headers: { Accept: 'application/json' } });
    if (answer.ok && !answer.redirected) {
      const news = await answer.json();
      if (waits && !news.asking) {
        window.location.replace(window.location.href); // somebody asked for it, and waits
        return;
      }
      show(byId('news'), !waits && news.read_s !== Number(here.dataset.read));
      if (!news.asking && news.age_minutes !== null) {
        setText(byId('age'), _('read %(count)s min ago', { count: news.age_minutes }));
      }
    }
  } catch (lost) {
    // asked again
  }
  window.setTimeout(ask, waits ? WAIT_MS : ASK_MS);
}

window.setTimeout(ask, 'asking' in here.dataset ? WAIT_MS : ASK_MS);
