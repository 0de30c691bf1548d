// The live page: pictures from one endless stream, values from another; a picture and its values have one number.
import { byId, setIcon, setText, show } from './dom.js';
import { number, seconds } from './formatting.js';
import { readPictures } from './live_picture.js';
import { announce, renderPanel, renderTrouble, startViews, textOf } from './panel.js';
import { _, translated } from './words.js';

const CHECK_MS = 150;
// Numbers that change nine times a second cannot be read.
const READ_MS = 400;
const RETRY_MS = 1500;

// With the interval of the checks, the picture greys out after a second at most.
const SILENT_MS = 850;
const STALE_MS = 850;

// A picture that has not been live for so long is taken away, and its values with it.
const CLEAR_MS = 30000;
// Values wait for their picture, and a picture for its values, among the newest of the other.
const KEPT = 30;
// The page itself was held up where its own checks come so late.
const HELD_UP_MS = 500;

// Tells from the events alone whether the picture runs, and which part stopped where it does not.
class Watch {
  constructor(now) {
    this.heardAt = now;
    this.pictureAt = now;
    this.drawnAt = now;
    this.liveAt = now;
    this.picture = 0;
    this.drawn = 0;
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

  draw(picture, now) {
    if (picture !== this.drawn) {
      this.drawn = picture;
      this.drawnAt = now;
    }
  }

  // The page was held up for so long: nobody else was late.
  heldUp(ms) {
    this.heardAt += ms;
    this.pictureAt += ms;
    this.drawnAt += ms;
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
    const rate = this.live && (this.live.rate_hz || this.live.camera.rate_hz); // as it states, before the second picture
    return rate ? 1000 / rate : 0;
  }

  patienceMs() {
    return Math.max(STALE_MS, 3 * this.intervalMs());
  }

  // Late by the picture's own pace: a slow camera or model is slow and has not stopped.
  overdue(now) {
    return now - this.pictureAt > this.patienceMs();
  }

  // The values go on, and the pictures do not.
  behind(now) {
    return this.picture > this.drawn && now - this.drawnAt > this.patienceMs();
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
        sentence: _('This picture is being watched by as many pages as the device allows.'),
        next_step: _('Close one of them.'),
      };
    }
    if (!this.heard(now)) {
      return {
        code: 'service-silent',
        sentence: _('The station does not answer.'),
        next_step: _('It comes back by itself. If it does not within a minute, switch the station off and on.'),
      };
    }
    if (this.stuck) {
      return this.stuck;
    }
    if (this.live && this.live.status.severity !== 'ok') {
      return this.live.status;
    }
    if (this.live && this.overdue(now) && this.capture.notice) {
      return { ...this.capture.notice, severity: 'info', next_step: _('The picture comes back by itself.') };
    }
    if (this.live && this.overdue(now)) {
      return this.doing === 'camera'
        ? { code: 'camera-waiting', sentence: _('The camera sends no picture.'), next_step: _('Wait a moment; it may be calibrating.') }
        : { code: 'analysis-waiting', sentence: _('The station is busy: the analysis takes longer than usual.'), next_step: _('Wait a moment.') };
    }
    if (this.live && this.behind(now)) {
      return { code: 'picture-waiting', sentence: _('The station is busy: the picture is late.'), next_step: _('Wait a moment.') };
    }
    return null;
  }

  // Whether it is so long since a picture was live that nothing of it may stay.
  isOver(trouble, now) {
    if (!trouble) {
      this.liveAt = now;
      return false;
    }
    const age = this.ageNow(now);
    return now - this.liveAt > CLEAR_MS || (age !== null && age > CLEAR_MS);
  }
}

const watch = new Watch(performance.now());
const canvas = byId('picture');
const frame = byId('frame');
const valuesOf = new Map();
let shown = null;
let shownAt = 0;
let checkedAt = performance.now();
let noted = '';

function connect() {
  const source = new EventSource('/live/events');
  source.addEventListener('open', () => { // a station that was started anew counts from 1
    valuesOf.clear();
    watch.draw(0, performance.now());
  });
  source.addEventListener('values', (event) => {
    const values = JSON.parse(event.data);
    watch.values(values.live, performance.now());
    valuesOf.set(values.live.picture, values);
    for (const picture of [...valuesOf.keys()].filter((key) => key <= values.live.picture - KEPT)) {
      valuesOf.delete(picture);
    }
    if (!document.body.classList.contains('cleared')) {
      renderValues(false, performance.now());
    }
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

function draw(bitmap, picture) {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  watch.draw(picture, performance.now());
  frame.dataset.picture = String(picture);
  canvas.hidden = false;
  if (document.body.classList.contains('cleared')) { // the checks decide whether it is live again
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  } else {
    renderValues(false, performance.now());
  }
}

function clear() {
  document.body.classList.add('cleared');
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  shown = null;
}

function refresh() {
  const now = performance.now();
  if (now - checkedAt > HELD_UP_MS) {
    watch.heldUp(now - checkedAt);
  }
  checkedAt = now;
  const trouble = watch.trouble(now);
  renderTrouble(watch.live || trouble ? trouble : { severity: 'info', sentence: _('The picture is being fetched.') });
  const over = watch.isOver(trouble, now);
  if (over) {
    clear();
  } else {
    document.body.classList.remove('cleared');
    renderValues(Boolean(trouble), now);
  }
  renderLine(trouble, over, now);
  if (watch.capture) {
    renderCamera(watch.heard(now), Boolean(trouble));
  }
}

// The values of the picture that is drawn. They follow it slowly enough to be read; beside one that stands, they are its
// own.
function renderValues(stopped, now) {
  const values = valuesOf.get(watch.drawn);
  if (!values || !values.outcome || values === shown) {
    return;
  }
  if (!shown || stopped || now - shownAt > READ_MS || values.outcome !== shown.outcome) {
    shown = values;
    shownAt = now;
    renderPanel(values);
    byId('summary').dataset.picture = String(values.live.picture);
    document.dispatchEvent(new CustomEvent('values', { detail: values }));
  }
}

function renderLine(trouble, over, now) {
  const running = byId('running');
  const age = watch.ageNow(now);
  const rate = watch.live && watch.live.rate_hz;
  setIcon(running, trouble ? 'stopped' : 'live');
  setText(running.lastElementChild, trouble ? _('Stopped') : _('Live') + (rate ? ' ' + number(rate, 1) + '/s' : ''));
  const old = age !== null && (trouble || watch.late(now)) ? seconds(age) : '';
  setText(byId('age'), old && _('picture %(age)s old', { age: old }));
  const state = byId('stopped');
  const words = over ? _('There has been no live picture for 30 seconds: the last one was taken away.')
    : trouble && shown && (old ? _('These values are %(age)s old.', { age: old }) : _('These values are not current.'));
  show(state, Boolean(words));
  setText(state, words || '');
}

// How the camera does: a word under the picture, and a sentence over its foot where there is something to do.
// `stopped`: what stops the picture is over it already.
const GRADE_ICONS = { excellent: 'good', fair: 'attention', poor: 'attention', unusable: 'stopped' };

const GRADES = {
  excellent: _('Camera excellent'), fair: _('Camera fair'), poor: _('Camera poor'), unusable: _('Camera unusable'),
};

function renderCamera(heard, stopped) {
  const { capture } = watch;
  const line = byId('camera');
  const found = heard ? capture.quality.messages.find((message) => message.severity !== 'ok') : null;
  const note = heard && !stopped ? capture.notice || found || mended() : null;
  const grade = heard ? capture.quality.grade : 'not heard';
  setIcon(line, capture.notice && note ? 'wait' : GRADE_ICONS[grade] || 'stopped');
  const recording = heard && watch.live && watch.live.camera.kind === 'replay' && shown;
  setText(line.lastElementChild, recording ? _('Recording: %(name)s', { name: shown.provenance.source }) : GRADES[grade] || _('Camera not heard'));
  setText(byId('camera-note'), note ? textOf(note) : '');
  show(byId('camera-note'), Boolean(note));
  if (!note) {
    noted = '';
  } else if (note.code !== noted && announce(textOf(note))) { // a countdown is announced once
    noted = note.code;
  }
}

// What the gate asks for, unless the panel says it already.
function mended() {
  const says = watch.live && watch.live.gate_says;
  return says && shown && !shown.checks.some((check) => check.code === says.code) ? says : null;
}

startViews();
connect();
readPictures('/live.mjpg', () => watch.picture > 0 && watch.heard(performance.now()), draw); // before the first it is refused
window.setInterval(refresh, CHECK_MS);
