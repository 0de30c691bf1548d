// The values of one result, live or opened: quality, temperatures, finding.
import { byId, element, fillRows, icon, setIcon, setText, show } from './dom.js';
import { renderRegions, renderTiming } from './tables.js';
import { backendWords, digitsOf, isCelsius, number, unitWord } from './words.js';

const ANNOUNCE_MS = 3000;
let announced = '';
let announcedAt = -ANNOUNCE_MS;

// Screen readers hear what changed in kind, not nine numbers a second. Whether it was said.
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
  renderChecks(values.checks, refused);
  renderRefusal(refused);
  show(byId('readings'), refused.length === 0);
  if (refused.length === 0) {
    renderTiles(values);
    setText(byId('sentence'), values.sentences[0] || '');
    renderFinding(values.finding);
  }
  renderRegions(byId('regions'), values);
  renderTiming(byId('timing'), values);
  // What ran, not what the page was made for: they differ where the service changed under an open page.
  setText(byId('bundle'), values.bundle.id + ' ' + values.bundle.version);
  setText(byId('hash'), values.bundle.hash.slice(0, 8));
  setText(byId('backend'), backendWords(values.backend));
  // The last sentence is about the finding: no number in it changes with every frame.
  announce(refused.length ? 'No result. ' + refused[0].sentence : 'Result. ' + values.sentences[values.sentences.length - 1]);
}

function renderChecks(checks, refused) {
  const passed = checks.filter((check) => check.severity !== 'problem');
  const words = passed.map((check) => check.code.replace(/-/g, ' '));
  // All well is one line; with something in the way, the list shows how far the frame came.
  const rows = refused.length ? words : [checks.length + ' of ' + checks.length + ' quality checks passed'];
  const list = byId('checks');
  list.classList.toggle('single', refused.length === 0);
  fillRows(list, rows.map((row, index) => ({ key: String(index), words: row })), () => {
    const item = element('li');
    item.append(icon('good'), element('span'));
    return item;
  }, (item, row) => setText(item.lastChild, row.words));
}

function renderRefusal(refused) {
  show(byId('refusal'), refused.length > 0);
  if (refused.length) {
    setText(byId('refusal-sentence'), refused[0].sentence);
    setText(byId('refusal-step'), refused[0].next_step);
  }
}

function renderTiles(values) {
  const right = values.regions.right_breast;
  const left = values.regions.left_breast;
  const difference = values.differences.breast;
  const digits = isCelsius(values) ? 1 : 0;
  const tiles = [
    { key: 'right', words: right ? number(right.mean, digits) : '–' },
    { key: 'left', words: left ? number(left.mean, digits) : '–' },
    { key: 'difference', words: difference ? number(Math.abs(difference.mean), digitsOf(difference, values)) : '–' },
  ];
  fillRows(byId('tiles'), tiles, (tile) => {
    const pair = element('div');
    pair.append(element('dt', tile.key), element('dd'));
    return pair;
  }, (pair, tile) => setText(pair.lastChild, tile.words));
  const note = byId('unit-note');
  setText(note, isCelsius(values) ? 'Breast mean in C'
    : 'No temperatures: breast mean in ' + unitWord(values));
  note.classList.toggle('strong', !isCelsius(values));
  show(note, true);
}

function renderFinding(finding) {
  show(byId('finding'), Boolean(finding));
  // Here there is a result: a missing finding is the model's way, and must not look as if nothing was found.
  show(byId('no-finding'), !finding);
  if (!finding) {
    return;
  }
  const side = finding.above ? ', reaches the threshold ' : ', below the threshold ';
  const words = number(finding.probability, 2) + side + number(finding.threshold, 2);
  setText(byId('finding-name'), finding.name.charAt(0).toUpperCase() + finding.name.slice(1));
  byId('finding-fill').style.width = 100 * finding.probability + '%';
  byId('finding-mark').style.left = 100 * finding.threshold + '%';
  byId('finding-bar').setAttribute('aria-label', finding.name + ': ' + words + ', on a scale from 0 to 1');
  setText(byId('finding-words'), words);
  setText(byId('finding-meaning'), finding.meaning);
}

// The part that stopped, over the picture and in the panel; null where all is well.
export function renderTrouble(trouble) {
  show(byId('banner'), Boolean(trouble));
  byId('frame').classList.toggle('stale', Boolean(trouble));
  if (!trouble) {
    return;
  }
  setIcon(byId('banner'), trouble.icon || 'attention');
  setText(byId('banner-sentence'), trouble.sentence);
  setText(byId('banner-step'), trouble.step || '');
  setText(byId('banner-code'), trouble.code || '');
  announce(trouble.sentence + ' ' + (trouble.step || ''));
}
