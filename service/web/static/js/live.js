// The live page: pictures from one endless image, values from one endless event stream.
import { byId, setIcon, setText, show } from './dom.js';
import { number, seconds } from './formatting.js';
import { announce, renderPanel, renderTrouble, startViews, textOf } from './panel.js';

const CHECK_MS = 150;
// Numbers that change nine times a second cannot be read.
const READ_MS = 400;
const RETRY_MS = 1500;

// With the interval of the checks, the picture greys out after a second at most.
const SILENT_MS = 850;
const STALE_MS = 850;

// Tells from the events alone whether the picture runs, and which part stopped where it does not.
class Watch {
  constructor(now) {
    this.heardAt = now;
    this.pictureAt = now;
    this.picture = 0;
    this.live = null;
    this.ageMs = null;
    this.ageAt = now;
    this.doing = 'camera';
    this.broken = false;
    this.refused = false;
    this.stuck = null;
    this.capture = null;
  }

  values(live, now) {
    this.alive(now);
    this.stuck = live.stuck;
    this.capture = live.capture;
    if (live.picture !== this.picture) {
      this.picture = live.picture;
      this.pictureAt = now;
    }
    this.live = live;
    this.age(live.age_ms, now);
  }

  pulse(pulse, now) {
    this.alive(now);
    this.stuck = pulse.stuck;
    this.capture = pulse.capture;
    this.doing = pulse.doing;
    this.age(pulse.age_ms, now);
  }

  alive(now) {
    this.heardAt = now;
    this.broken = false;
    this.refused = false;
  }

  age(ageMs, now) {
    this.ageMs = ageMs;
    this.ageAt = now;
  }

  ageNow(now) {
    return this.ageMs === null ? null : this.ageMs + now - this.ageAt;
  }

  intervalMs() {
    return this.live && this.live.rate_hz ? 1000 / this.live.rate_hz : 0;
  }

  // Late by the picture's own pace: a slow camera or model is slow and has not stopped.
  overdue(now) {
    return now - this.pictureAt > Math.max(STALE_MS, 3 * this.intervalMs());
  }

  // Older than one frame, so that its age belongs on the screen.
  late(now) {
    const interval = this.intervalMs();
    const latency = this.live && this.live.latency_ms ? this.live.latency_ms : 0;
    return interval > 0 && (latency > interval || now - this.pictureAt > Math.max(300, 2 * interval));
  }

  heard(now) {
    return !this.broken && now - this.heardAt <= SILENT_MS;
  }

  // The message about what stopped, or null.
  trouble(now) {
    if (this.refused) {
      return {
        code: 'viewers-full',
        sentence: 'This picture is being watched by as many pages as the device allows.',
        next_step: 'Close one of them.',
      };
    }
    if (!this.heard(now)) {
      return {
        code: 'service-silent',
        sentence: 'The service does not answer.',
        next_step: 'It comes back by itself. If it does not within a minute, restart the device.',
      };
    }
    if (this.stuck) {
      return this.stuck;
    }
    if (this.live && this.live.status.severity !== 'ok') {
      return this.live.status;
    }
    if (this.live && this.overdue(now) && this.capture.notice) {
      return { ...this.capture.notice, severity: 'info', next_step: 'The picture comes back by itself.' };
    }
    if (this.live && this.overdue(now)) {
      return this.doing === 'camera'
        ? { code: 'camera-waiting', sentence: 'The camera sends no picture.', next_step: 'Wait a moment; it may be calibrating.' }
        : { code: 'analysis-waiting', sentence: 'The analysis takes longer than usual.', next_step: 'Wait a moment.' };
    }
    return null;
  }
}

const watch = new Watch(performance.now());
const picture = byId('picture');
let newest = null;
let shown = null;
let shownAt = 0;
let attempts = 0;
let pictureWanted = true;
let noted = '';

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
        if (health.status === 'safe') { // the station came back without a live picture; the root says why
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
  renderTrouble(watch.live || trouble ? trouble : { severity: 'info', sentence: 'The picture is being fetched.' });
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

// How the camera does: a word under the picture, and a sentence over its foot where there is something to do.
// `stopped`: what stops the picture is over it already.
const GRADE_ICONS = { excellent: 'good', fair: 'attention', poor: 'attention', unusable: 'stopped' };

function renderCamera(capture, heard, stopped) {
  const line = byId('camera');
  const found = heard ? capture.quality.messages.find((message) => message.severity !== 'ok') : null;
  const note = heard && !stopped ? capture.notice || found || null : null;
  const grade = heard ? capture.quality.grade : 'not heard';
  setIcon(line, capture.notice && note ? 'wait' : GRADE_ICONS[grade] || 'stopped');
  setText(line.lastElementChild, 'Camera ' + grade);
  setText(byId('camera-note'), note ? textOf(note) : '');
  show(byId('camera-note'), Boolean(note));
  if (!note) {
    noted = '';
  } else if (note.code !== noted && announce(textOf(note))) { // a countdown is announced once
    noted = note.code;
  }
}

startViews();
connect();
window.setInterval(refresh, CHECK_MS);
