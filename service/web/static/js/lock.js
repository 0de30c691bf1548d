// The idle lock: tells the service of touches, says when it is about to lock, and leaves the page when it has.
import { element } from './dom.js';
import { _ } from './words.js';

const TOUCH_MS = 15000;
const WARN_S = 20;
const csrf = document.querySelector('meta[name=csrf]').content;
const note = element('p', '', 'locking');
note.setAttribute('role', 'status');
note.hidden = true;
document.body.append(note);

let endsAt = Infinity;
let toldAt = -TOUCH_MS;
let timer = 0;

async function ask(method) {
  try {
    const answer = await fetch('/session', { method, headers: { 'X-CSRF-Token': csrf } });
    if (!answer.ok) { // also after a restart, when the station may wait for its passphrase
      window.location.replace('/login');
      return;
    }
    endsAt = performance.now() + 1000 * (await answer.json()).left_s;
  } catch (away) {
    // the page itself says that the service does not answer
  }
  tick();
}

function tick() {
  window.clearTimeout(timer);
  const left = Math.ceil((endsAt - performance.now()) / 1000);
  note.hidden = left > WARN_S;
  if (left <= 0) {
    timer = window.setTimeout(ask, 1000, 'GET');
    return;
  }
  note.textContent = _('Locks in %(left)s s. Touch the screen to go on.', { left });
  timer = window.setTimeout(tick, left > WARN_S ? Math.min(1000 * (left - WARN_S), 60000) : 250);
}

function touched() {
  const now = performance.now();
  if (now - toldAt > TOUCH_MS || endsAt - now < 1000 * WARN_S) {
    toldAt = now;
    ask('POST');
  }
}

for (const kind of ['pointerdown', 'keydown']) {
  document.addEventListener(kind, touched, { passive: true });
}
// Another page, or the Back button, may have ended the session meanwhile.
window.addEventListener('pageshow', () => ask('GET'));
