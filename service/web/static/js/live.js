// The live page: pictures from one endless image, values from one endless event stream.
import { renderCamera } from './camera.js';
import { byId, setIcon, setText } from './dom.js';
import { renderPanel, renderTrouble } from './panel.js';
import { startViews } from './views.js';
import { Watch } from './watch.js';
import { number, seconds } from './words.js';

const CHECK_MS = 150;
// Numbers that change nine times a second cannot be read.
const READ_MS = 400;
const RETRY_MS = 1500;

const watch = new Watch(performance.now());
const picture = byId('picture');
let newest = null;
let shown = null;
let shownAt = 0;
let attempts = 0;
let pictureWanted = true;

function connect() {
  const source = new EventSource('/live/events');
  source.addEventListener('open', () => { pictureWanted = true; });
  source.addEventListener('values', (event) => {
    newest = JSON.parse(event.data);
    watch.values(newest.live, performance.now());
    fetchPicture();
  });
  source.addEventListener('alive', (event) => watch.pulse(JSON.parse(event.data), performance.now()));
  source.addEventListener('error', () => {
    watch.broken = true;
    if (source.readyState === EventSource.CLOSED) { // the browser tries again by itself unless it was refused
      window.setTimeout(connect, RETRY_MS);
      fetch('/healthz').then((answer) => answer.json()).then((health) => {
        watch.refused = health.status === 'alive';
        if (health.status === 'safe') { // the station came back without a live picture, and says why at the root
          window.location.replace('/');
        }
      }).catch(() => { watch.refused = false; });
    }
  });
}

function fetchPicture() {
  if (pictureWanted && watch.picture > 0) {
    pictureWanted = false;
    attempts += 1;
    picture.src = '/live.mjpg?' + attempts;
  }
}

picture.addEventListener('load', () => { picture.hidden = false; });
picture.addEventListener('error', () => {
  picture.hidden = true;
  window.setTimeout(() => { pictureWanted = true; fetchPicture(); }, RETRY_MS);
});

function refresh() {
  const now = performance.now();
  const trouble = watch.trouble(now);
  renderTrouble(watch.live || trouble ? trouble : { icon: 'wait', sentence: 'The picture is being fetched.' });
  renderLine(trouble, now);
  if (watch.capture) {
    renderCamera(watch.capture, watch.heard(now), Boolean(trouble));
  }
  const due = !shown || now - shownAt > READ_MS || newest.outcome !== shown.outcome;
  if (newest && newest.outcome && newest !== shown && due) {
    shown = newest;
    shownAt = now;
    renderPanel(newest);
  }
}

function renderLine(trouble, now) {
  const running = byId('running');
  const age = watch.ageNow(now);
  const rate = watch.live && watch.live.rate_hz;
  setIcon(running, trouble ? 'stopped' : 'live');
  setText(running.lastElementChild, trouble ? 'Stopped' : 'Live' + (rate ? ' ' + number(rate, 1) + '/s' : ''));
  const old = age !== null && (trouble || watch.late(now)) ? seconds(age) + ' old' : '';
  setText(byId('age'), old && 'picture ' + old);
  const state = byId('stopped');
  state.hidden = !(trouble && shown);
  setText(state, trouble && shown ? 'These values are ' + (old || 'not current') + '.' : '');
}

startViews();
connect();
window.setInterval(refresh, CHECK_MS);
