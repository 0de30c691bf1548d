// The values of one result, live or opened: quality, temperatures, finding.
import { byId, element, fillRows, icon, setIcon, setText, show } from './dom.js';
import { backendName, difference, digitsOf, isCelsius, number, temperature } from './formatting.js';
import { renderRegions, renderTiming } from './tables.js';
import { cut } from './whole.js';
import { _, translated } from './words.js';

const ANNOUNCE_MS = 3000;
let announced = '';
let announcedAt = -ANNOUNCE_MS;

// Tells screen readers what changed in kind, not nine numbers a second. Returns whether it did.
export function announce(sentence) {
  const now = performance.now();
  if (sentence && sentence !== announced && now - announcedAt > ANNOUNCE_MS) {
    announced = sentence;
    announcedAt = now;
    setText(byId('announce'), sentence);
    return true;
  }
  return false;
}

export function renderPanel(values) {
  const refused = values.checks.filter((check) => check.severity === 'problem');
  renderGate(values.live);
  renderWarnings(values.checks.filter((check) => check.severity === 'warning'));
  renderChecks(values.checks.filter((check) => check.severity === 'ok'), refused);
  renderRefusal(refused);
  document.body.classList.toggle('side-view', values.checks.some((check) => check.code === 'side-view'));
  show(byId('readings'), refused.length === 0);
  if (refused.length === 0) {
    renderTiles(values);
    renderSentence(values.sentences[0] || '');
    renderFinding(values);
  }
  renderRegions(byId('regions'), values);
  renderTiming(byId('timing'), values);
  // What really ran: the service may have changed under an open page.
  setText(byId('bundle'), values.bundle.id + ' ' + values.bundle.version);
  cut(byId('hash'), values.bundle.hash, 8);
  setText(byId('backend'), backendName(values.backend));
  // The last sentence is about the finding: no number in it changes with every frame.
  announce(refused.length ? _('No result') + '. ' + translated(refused[0].sentence)
    : _('Result') + '. ' + translated(values.sentences[values.sentences.length - 1]));
}

// What somebody should look at before relying on the temperatures, such as a file that states a room of 298 °C.
function renderWarnings(warnings) {
  const list = byId('warnings');
  show(list, warnings.length > 0);
  fillRows(list, warnings.map((warning, index) => ({ key: String(index), text: translated(warning.sentence) })), () => {
    const item = element('li');
    item.append(icon('attention'), element('span'));
    return item;
  }, (item, row) => setText(item.lastChild, row.text));
}

function renderChecks(passed, refused) {
  const text = passed.map((check) => translated(check.code.replace(/-/g, ' ')));
  // One line when all passed; with a problem, the list shows how far the frame came.
  const rows = refused.length ? text : [_('%(passed)s of %(all)s quality checks passed', { passed: passed.length, all: passed.length })];
  const list = byId('checks');
  show(list, !byId('gate') || byId('gate').hidden); // which counts them too
  list.classList.toggle('single', refused.length === 0);
  fillRows(list, rows.map((row, index) => ({ key: String(index), text: row })), () => {
    const item = element('li');
    item.append(icon('good'), element('span'));
    return item;
  }, (item, row) => setText(item.lastChild, row.text));
}

function renderRefusal(refused) {
  show(byId('refusal'), refused.length > 0);
  if (refused.length) {
    setText(byId('refusal-sentence'), translated(refused[0].sentence));
    setText(byId('refusal-step'), translated(refused[0].next_step));
    setText(byId('refusal-code'), refused[0].code);
  }
}

// What is measured is as large as can be read from a metre; what it is compared with follows it.
function renderSentence(sentence) {
  const text = translated(sentence).replace(/ °(?=[CF])/g, '\u00a0°'); // a number and its unit stand in one line
  const end = text.indexOf('. ') + 1 || text.length;
  setText(byId('sentence').firstElementChild, text.slice(0, end));
  setText(byId('sentence').lastElementChild, text.slice(end).trim());
}

const SEVERITY_ICONS = { ok: 'good', info: 'good', warning: 'attention', problem: 'stopped' };

// What is to be mended before a picture: the one thing to do now, what else there is by its name, and how much is well.
// Only what was looked at is counted.
function renderGate(live) {
  const gate = byId('gate');
  const looked = live && live.gate ? live.gate : [];
  if (!gate) {
    return;
  }
  show(gate, looked.length > 0);
  const held = looked.filter((check) => check.severity === 'warning' || check.severity === 'problem');
  const says = live && live.gate_says;
  const done = live && live.gate_ready;
  gate.classList.toggle('ready', Boolean(done));
  setIcon(byId('gate-says'), says ? SEVERITY_ICONS[says.severity] : done ? 'good' : 'wait');
  setText(byId('gate-says').lastElementChild, says ? translated(says.next_step || says.sentence) : done ? _('Ready') : _('Looking'));
  const others = held.filter((check) => !says || check.name !== says.name);
  fillRows(byId('gate-others'), others.slice(0, 3).map((check) => ({ key: check.name, check })), () => {
    const item = element('li');
    item.append(icon('attention'), element('span'));
    return item;
  }, (item, { check }) => {
    setIcon(item, SEVERITY_ICONS[check.severity]);
    setText(item.lastChild, translated(check.name));
  });
  setText(byId('gate-passed'), _('%(passed)s of %(all)s checks passed', { passed: looked.filter((check) => check.severity === 'ok').length, all: looked.length }));
}

function renderTiles(values) {
  const right = values.regions.right_breast;
  const left = values.regions.left_breast;
  const apart = values.differences.breast;
  const digits = isCelsius(values) ? 1 : 0;
  const tiles = [
    { key: _('right'), text: right ? temperature(right.mean, digits, values) : '–' },
    { key: _('left'), text: left ? temperature(left.mean, digits, values) : '–' },
    { key: _('difference'), text: apart ? difference(Math.abs(apart.mean), digitsOf(apart, values), values) : '–' },
  ];
  fillRows(byId('tiles'), tiles, (tile) => {
    const pair = element('div');
    pair.append(element('dt', tile.key), element('dd'));
    return pair;
  }, (pair, tile) => setText(pair.lastChild, tile.text));
  const note = byId('unit-note');
  setText(note, isCelsius(values) ? _('Breast mean in °C') : _('No temperatures: breast mean in grey levels'));
  note.classList.toggle('strong', !isCelsius(values));
  show(note, true);
}

function renderFinding({ finding, checks }) {
  show(byId('finding'), Boolean(finding));
  // There is a result here: a model without a finding must not look as if nothing was found. Of a side view, the
  // sentence says so.
  show(byId('no-finding'), !finding && !checks.some((check) => check.code === 'side-view'));
  if (!finding) {
    return;
  }
  // Its name, which may be that of an abnormality, is no title: it would read as a verdict over every patient.
  const words = { value: number(finding.probability, 2), threshold: number(finding.threshold, 2) };
  const text = finding.above ? _('%(value)s, reaches threshold %(threshold)s', words)
    : _('%(value)s, below threshold %(threshold)s', words);
  setText(byId('finding-name'), finding.above ? _('Heat pattern: reaches threshold') : _('Heat pattern: below threshold'));
  byId('finding-fill').style.width = 100 * finding.probability + '%';
  byId('finding-mark').style.left = 100 * finding.threshold + '%';
  byId('finding-bar').setAttribute('aria-label', _('Heat pattern: %(value)s, on a scale from 0 to 1', { value: text }));
  setText(byId('finding-words'), text);
  setText(byId('finding-note'), translated(finding.note || ''));
  show(byId('finding-note'), Boolean(finding.note));
}

// A message over the picture and in the panel: the part that stopped; null where all is well.
export function renderTrouble(message) {
  show(byId('banner'), Boolean(message));
  byId('frame').classList.toggle('stale', Boolean(message));
  if (!message) {
    return;
  }
  setIcon(byId('banner'), message.severity === 'info' ? 'wait' : 'attention');
  setText(byId('banner-sentence'), translated(message.sentence));
  setText(byId('banner-step'), translated(message.next_step || ''));
  setText(byId('banner-code'), message.code || '');
  announce(textOf(message));
}

// Sentence and next step of a message as one line.
export const textOf = (message) => [message.sentence, message.next_step].filter(Boolean).map(translated).join(' ');

// One thing at a time: summary, regions or timing. The picture makes room for the wide table.
export function startViews() {
  const buttons = Array.from(document.querySelectorAll('[data-view]')).filter((node) => node.matches('button'));
  buttons.forEach((button) => button.addEventListener('click', () => {
    const chosen = button.dataset.view;
    document.body.dataset.view = chosen;
    buttons.forEach((other) => {
      if (other.hasAttribute('aria-pressed')) {
        other.setAttribute('aria-pressed', String(other === button));
      }
      show(byId(other.dataset.view), other.dataset.view === chosen);
    });
  }));
}
