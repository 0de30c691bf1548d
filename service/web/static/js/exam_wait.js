// What lasts: the ring of the acclimatisation, and the pictures of a series, which the station takes by itself.
import { byId, setText, show } from './dom.js';
import { _ } from './words.js';

const ASK_MS = 1000;
const ring = byId('ring');
const series = byId('series');

function turn() {
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  setText(byId('left'), Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0'));
  ring.querySelector('.done').style.strokeDashoffset = wanted ? 100 * left / wanted : 0;
  if (left === 0) {
    setText(byId('ring-words'), _('The patient has acclimatised.'));
    byId('done').disabled = false;
    show(byId('early'), false);
    return;
  }
  window.setTimeout(turn, 250);
}

async function ask() {
  try {
    const answer = await fetch(series.dataset.address, { headers: { Accept: 'application/json' } });
    if (answer.redirected || !answer.ok) {
      window.location.replace(window.location.href);
      return;
    }
    const now = await answer.json();
    if (now.step !== 'series' || now.runs !== runs) {
      window.location.replace(window.location.href);
      return;
    }
    setText(byId('series-taken'), String(now.taken));
    if (now.runs && now.next_s !== null) {
      setText(byId('series-next'), now.next_s > 2 ? _('Next in %(seconds)s s', { seconds: Math.round(now.next_s) }) : _('Hold still.'));
    }
  } catch (lost) {
    // live.js says that the service does not answer
  }
  window.setTimeout(ask, ASK_MS);
}

const wanted = ring ? Number(ring.dataset.wanted) : 0;
const endsAt = ring ? performance.now() + 1000 * Number(ring.dataset.left) : 0;
const runs = Boolean(series && !document.querySelector('.onward .main'));
if (ring) {
  turn();
}
if (series) {
  ask();
}
