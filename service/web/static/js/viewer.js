// The viewer of one picture, kept or opened: it draws the frame in a palette and a span, and measures in it.
import { byId, element, setText, show } from './dom.js';
import { degreesOf, shown } from './degrees.js';
import { number, regionName } from './formatting.js';
import { Frame, corners, histogram, isRight, statistics } from './measure.js';
import { choose, chosenFor } from './viewing.js';
import { _, translated } from './words.js';

const MOST_ZOOM = 16;
const PIXELS_SEEN = 8; // from so many screen pixels on, a pixel of the frame is drawn as a square
const BINS = 40;
const MOVED_PX = 4;
const WAIT_MS = 150;
const MEASURING = ['spot', 'box', 'line', 'histogram'];
const PAPER = '#181818';
const INK = '#ffffff';
const RIM = '#000000';
const LAYER_NOTES = {
  original: '',
  equalised: _('What the network saw. Its grey levels are no temperatures.'),
  regions: _('The regions that were marked, over the picture in grey.'),
  difference: _('Each breast against the mirrored other one: red is warmer, blue is cooler.'),
};

const tableOf = (hex) => Uint32Array.from({ length: 256 }, (_, level) => {
  const rgb = parseInt(hex.slice(6 * level, 6 * level + 6), 16);
  return (0xff000000 | (rgb & 0xff) << 16 | rgb & 0xff00 | rgb >> 16) >>> 0;
});

function painted(width, height, colours) {
  const sheet = document.createElement('canvas');
  sheet.width = width;
  sheet.height = height;
  sheet.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(colours.buffer), width, height), 0, 0);
  return sheet;
}

const round = (value, step) => Math.round(Math.round(value / step) * step * 100) / 100;

export class Viewer {
  // exam: its id; empty for a file. onShown and onLost: what the page does when the picture is there, or cannot be had.
  constructor({ exam, onShown, onLost }) {
    this.exam = exam;
    this.onShown = onShown;
    this.onLost = onLost;
    this.canvas = byId('picture');
    const chosen = chosenFor(exam);
    this.state = {
      palette: this.canvas.dataset.palette, mode: chosen.span ? 'locked' : 'auto', span: chosen.span || null,
      isotherm: 'off', from: null, to: null, layer: this.canvas.dataset.layer, compare: 'one', split: 0.5,
      outlines: true, hottest: true, spot: null, box: null, line: null, ...chosen,
    };
    this.seen = { zoom: 1, x: 0, y: 0 };
    this.images = {};
    this.pointers = new Map();
    this.mirror = null;
    this.frame = null;
    this.listen();
  }

  // Show the picture whose parts are at address(part, parameters).
  async open(address) {
    this.address = address;
    try {
      const answers = await Promise.all([fetch(address('viewing')), fetch(address('frame'))]);
      if (!answers.every((answer) => answer.ok)) {
        this.onLost();
        return;
      }
      this.about = await answers[0].json();
      this.frame = new Frame(await answers[1].arrayBuffer(), this.about.width_px, this.about.height_px);
    } catch (lost) {
      this.onLost();
      return;
    }
    this.mirror = null;
    this.images = {};
    this.isCelsius = this.about.unit === 'celsius';
    this.digits = this.isCelsius ? 1 : 0;
    this.tables = Object.fromEntries(Object.entries(this.about.palettes).map(([name, { colours }]) => [name, tableOf(colours)]));
    if (!this.tables[this.state.palette]) {
      this.state.palette = 'iron';
    }
    if (!this.about.layers.includes(this.state.layer)) {
      this.state.layer = 'original';
    }
    this.automatic = this.about.span;
    const [low, high] = this.span;
    this.state.from = this.state.from === null ? round(low + 0.75 * (high - low), this.step) : this.state.from;
    this.state.to = this.state.to === null ? round(high, this.step) : this.state.to;
    this.seen = { zoom: 1, x: this.frame.width / 2, y: this.frame.height / 2 };
    document.querySelectorAll('[data-choice=palette] button').forEach((button) => {
      const swatch = button.querySelector('canvas');
      swatch.getContext('2d').drawImage(painted(256, 1, this.tables[button.value]), 0, 0);
    });
    show(this.canvas, true);
    show(document.querySelector('.zoom'), true);
    this.colour();
    this.render();
    this.onShown();
  }

  // What a link to another frame of the same file has to carry.
  carried() {
    const { palette, mode, span } = this.state;
    return { palette: palette === this.canvas.dataset.palette ? '' : palette, span: mode === 'locked' ? span.join(',') : '' };
  }

  get tool() {
    return document.body.dataset.view || '';
  }

  get span() {
    return this.state.mode === 'auto' ? this.automatic : this.state.span;
  }

  get step() {
    return this.isCelsius ? 0.5 : 5;
  }

  words(value, isDifference = false) {
    const text = number(value, this.digits);
    return this.isCelsius ? shown(text, isDifference) + '\u00a0' + _('°C') : text;
  }

  picked(value) {
    const { isotherm, from, to } = this.state;
    return isotherm === 'above' ? value >= from : isotherm === 'below' ? value <= to : isotherm === 'between' && value >= from && value <= to;
  }

  // Colours of values, as a list for an ImageData.
  coloursOf(values) {
    const [low, high] = this.span;
    const table = this.tables[this.state.palette];
    const [red, green, blue] = this.about.palettes[this.state.palette].isotherm;
    const striking = (0xff000000 | blue << 16 | green << 8 | red) >>> 0;
    const scale = 255 / (high - low);
    return Uint32Array.from(values, (value) => (this.picked(value) ? striking
      : table[Math.min(255, Math.max(0, Math.round((value - low) * scale)))]));
  }

  colour() {
    this.original = painted(this.frame.width, this.frame.height, this.coloursOf(this.frame.values));
  }

  // --- drawing

  render() {
    if (!this.frame) {
      return;
    }
    this.fillPanels();
    window.cancelAnimationFrame(this.asked);
    this.asked = window.requestAnimationFrame(() => this.paint());
  }

  // The picture of a layer or of the outlines; the one before, or nothing, while it is on its way.
  image(layer) {
    if (layer === 'original') {
      return this.original;
    }
    const span = layer === 'outlines' || layer === 'equalised' ? {} : { span: this.span.map((end) => end.toFixed(3)).join(',') };
    const source = this.address('layer.png', { layer, ...span });
    const held = this.images[layer] || (this.images[layer] = { shown: null, source: '' });
    if (held.source !== source) {
      held.source = source;
      window.clearTimeout(held.timer);
      held.timer = window.setTimeout(() => {
        const image = new Image();
        image.addEventListener('load', () => {
          held.shown = held.source === source ? image : held.shown;
          this.render();
        });
        image.addEventListener('error', () => held.source === source && this.onLost());
        image.src = source;
      }, held.shown ? WAIT_MS : 0);
    }
    return held.shown;
  }

  get letter() {
    return parseFloat(window.getComputedStyle(this.canvas).fontSize);
  }

  panes() {
    const width = this.canvas.clientWidth - 3.2 * this.letter;
    const height = this.canvas.clientHeight;
    if (this.state.compare !== 'beside') {
      return [{ x: 0, y: 0, width, height, layer: this.state.layer }];
    }
    const { layers } = this.about;
    const sized = (columns) => Math.min(width / columns / this.frame.width, height / Math.ceil(layers.length / columns) / this.frame.height);
    const columns = layers.map((_, index) => index + 1).reduce((best, next) => (sized(next) > sized(best) ? next : best));
    const [wide, high] = [width / columns, height / Math.ceil(layers.length / columns)];
    return layers.map((layer, index) => ({ layer, x: (index % columns) * wide, y: Math.floor(index / columns) * high, width: wide - 2, height: high - 2 }));
  }

  // Screen pixels on a pixel of the frame; where the frame's corner lies in a pane.
  placed(pane) {
    const scale = this.seen.zoom * Math.min(pane.width / this.frame.width, pane.height / this.frame.height);
    const centred = (middle, half, end) => (2 * half >= end ? end / 2 : Math.min(Math.max(middle, half), end - half));
    const x = centred(this.seen.x, pane.width / 2 / scale, this.frame.width);
    const y = centred(this.seen.y, pane.height / 2 / scale, this.frame.height);
    return { scale, left: pane.x + pane.width / 2 - x * scale, top: pane.y + pane.height / 2 - y * scale, x, y };
  }

  paint() {
    const { canvas } = this;
    const dense = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * dense);
    canvas.height = Math.round(canvas.clientHeight * dense);
    const ink = canvas.getContext('2d');
    ink.scale(dense, dense);
    ink.fillStyle = PAPER;
    ink.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    ink.font = this.letter + 'px ' + window.getComputedStyle(canvas).fontFamily;
    const panes = this.panes();
    panes.forEach((pane) => this.paintPane(ink, pane, panes.length > 1));
    this.paintScale(ink);
    canvas.dataset.painted = [this.state.palette, this.span.map((end) => end.toFixed(1)).join(' '), this.state.compare, this.state.layer].join(' ');
  }

  paintPane(ink, pane, isNamed) {
    const { scale, left, top } = this.placed(pane);
    const { state, frame } = this;
    const lay = (layer) => {
      const image = this.image(layer);
      if (image) {
        ink.drawImage(image, left, top, frame.width * scale, frame.height * scale);
      }
    };
    ink.save();
    ink.beginPath();
    ink.rect(pane.x, pane.y, pane.width, pane.height);
    ink.clip();
    ink.imageSmoothingEnabled = scale < PIXELS_SEEN;
    lay('original');
    if (state.compare === 'slider') {
      const at = pane.x + state.split * pane.width;
      ink.save();
      ink.beginPath();
      ink.rect(at, pane.y, pane.width, pane.height);
      ink.clip();
      lay(pane.layer);
      ink.restore();
      this.stroke(ink, () => { ink.moveTo(at, pane.y); ink.lineTo(at, pane.y + pane.height); });
    } else {
      lay(pane.layer);
    }
    ink.imageSmoothingEnabled = true;
    if (state.outlines) {
      lay('outlines');
    }
    const spot = ([x, y]) => [left + (x + 0.5) * scale, top + (y + 0.5) * scale];
    const { tool } = this;
    if (state.hottest && !MEASURING.includes(tool)) {
      this.about.hottest.forEach(([x, y, value]) => this.cross(ink, spot([x, y]), this.isCelsius ? this.words(value) : ''));
    }
    if (state.spot && tool === 'spot') {
      this.cross(ink, spot(state.spot), this.words(frame.at(state.spot)), true);
      const twin = this.twinOf(state.spot);
      if (twin) {
        this.cross(ink, spot(twin), this.words(frame.at(twin)), true);
      }
    }
    if (state.box && (tool === 'box' || tool === 'histogram')) {
      const [x0, y0, x1, y1] = corners(state.box);
      this.stroke(ink, () => ink.rect(left + x0 * scale, top + y0 * scale, (x1 - x0 + 1) * scale, (y1 - y0 + 1) * scale));
    }
    if (state.line && tool === 'line') {
      this.stroke(ink, () => {
        ink.moveTo(...spot(state.line.slice(0, 2)));
        ink.lineTo(...spot(state.line.slice(2)));
      });
    }
    const patch = 1.6 * this.letter;
    const mark = (text, x, y) => {
      ink.fillStyle = 'rgba(0, 0, 0, 0.7)';
      ink.fillRect(x, y, ink.measureText(text).width + this.letter, patch);
      ink.fillStyle = INK;
      ink.fillText(text, x + 0.5 * this.letter, y + 1.15 * this.letter);
    };
    if (this.about.side_view) {
      mark(translated(this.about.side_view), pane.x, pane.y);
    } else {
      mark(_('R'), pane.x, pane.y);
      mark(_('L'), pane.x + pane.width - ink.measureText(_('L')).width - this.letter, pane.y);
    }
    if (isNamed) {
      const name = translated(pane.layer);
      mark(name, pane.x + pane.width - ink.measureText(name).width - this.letter, pane.y + pane.height - patch);
    }
    ink.restore();
  }

  stroke(ink, along) {
    for (const [colour, width] of [[RIM, 5], [INK, 2]]) {
      ink.strokeStyle = colour;
      ink.lineWidth = width;
      ink.beginPath();
      along();
      ink.stroke();
    }
  }

  cross(ink, [x, y], text, isRound = false) {
    const reach = 0.5 * this.letter;
    this.stroke(ink, () => {
      ink.moveTo(x - reach, y);
      ink.lineTo(x + reach, y);
      ink.moveTo(x, y - reach);
      ink.lineTo(x, y + reach);
      if (isRound) {
        ink.moveTo(x + reach, y);
        ink.arc(x, y, reach, 0, 2 * Math.PI);
      }
    });
    const at = Math.min(x + 1.3 * reach, this.canvas.clientWidth - 3.2 * this.letter - ink.measureText(text).width);
    ink.lineWidth = 4;
    ink.strokeStyle = RIM;
    ink.strokeText(text, at, y - reach);
    ink.fillStyle = INK;
    ink.fillText(text, at, y - reach);
  }

  // The colours beside the picture, with whole degrees; where they are no degrees it says so.
  paintScale(ink) {
    const { letter, state } = this;
    const head = 1.5 * letter;
    const height = this.canvas.clientHeight - head - letter;
    const left = this.canvas.clientWidth - 2.9 * letter;
    const isDifference = state.compare === 'one' && state.layer === 'difference';
    const [low, high] = isDifference ? this.about.difference.span : this.span;
    const levels = Array.from({ length: 256 }, (_, level) => high - (high - low) * level / 255);
    const isPlain = state.compare === 'one' && state.layer !== 'original';
    const colours = isDifference ? tableOf(this.about.difference.colours).reverse()
      : isPlain ? this.tables['grey'].slice().reverse() : this.coloursOf(levels);
    ink.drawImage(painted(1, 256, colours), left, head, letter, height);
    const hasDegrees = this.isCelsius && !(state.compare === 'one' && state.layer === 'equalised');
    ink.fillStyle = INK;
    ink.fillText(hasDegrees ? _('°C') : _('not °C'), left - 0.2 * letter, 1.1 * letter);
    if (!hasDegrees) {
      return;
    }
    const [first, last] = [low, high].map((end) => degreesOf(end, isDifference));
    const step = [1, 2, 5, 10, 20, 50, 100, 1000].find((size) => (last - first) / size <= height / 1.3 / letter) || 10000;
    for (let degree = Math.ceil(first / step) * step; degree <= last; degree += step) {
      const y = head + (last - degree) / (last - first) * height;
      ink.fillRect(left + letter, y - 0.5, 0.25 * letter, 1);
      ink.fillText(number(degree, 0), left + 1.4 * letter, y + 0.35 * letter);
    }
  }

  // --- what is measured

  // The mirrored site of a pixel, as the station laid the breasts onto each other; null where there is none.
  twinOf(pixel) {
    if (this.mirror === null) {
      this.mirror = { isAwaited: true };
      fetch(this.address('twin')).then((answer) => answer.json()).then((mirror) => {
        this.mirror = mirror;
        this.render();
      }, () => {
        this.mirror = { sentence: _('The service does not answer.') };
        this.render();
      });
    }
    return this.mirror.onto_left ? this.frame.twin(pixel, this.mirror.onto_left) : null;
  }

  spotParts() {
    const { spot } = this.state;
    if (!spot) {
      return [element('p', _('Touch the picture.'))];
    }
    const value = this.frame.at(spot);
    const twin = this.twinOf(spot);
    const region = this.frame.label(spot);
    const where = _('column %(column)s, row %(row)s', { column: spot[0], row: spot[1] });
    const parts = [this.tiles([[_('spot'), this.words(value)], [_('mirrored site'), twin ? this.words(this.frame.at(twin)) : this.mirror.isAwaited ? '…' : '–']]),
      element('p', (region ? regionName(this.about.regions[region]) + ', ' : '') + where, 'note')];
    if (twin) {
      // Left minus right, as everywhere.
      const difference = (isRight(region) ? -1 : 1) * (value - this.frame.at(twin));
      const size = this.words(Math.abs(difference), true);
      const said = difference > 0 ? _('%(size)s warmer on the left.', { size }) : _('%(size)s warmer on the right.', { size });
      parts.push(element('p', parseFloat(size) === 0 ? _('No difference.') : said, 'reading'),
        element('p', _('Mirrored site: column %(column)s, row %(row)s. Outlines fit to %(mm)s mm.',
          { column: twin[0], row: twin[1], mm: number(this.mirror.residual_mm, 0) }), 'note'));
    } else if (this.mirror.sentence) {
      parts.push(element('p', _('No mirrored site.') + ' ' + translated(this.mirror.sentence), 'note'));
    } else if (this.mirror.onto_left) {
      parts.push(element('p', _('No mirrored site: it would not lie in the other breast.'), 'note'));
    }
    return [...parts, this.clearing('spot')];
  }

  boxParts() {
    const { box } = this.state;
    if (!box) {
      return [element('p', _('Draw a box on the picture with one finger.'))];
    }
    const [left, top, right, bottom] = corners(box);
    const { n, mean, min, max } = statistics(this.frame.inBox(box));
    return [this.tiles([[_('mean'), this.words(mean)], [_('min'), this.words(min)], [_('max'), this.words(max)], ['n', String(n)]]),
      element('p', _('columns %(left)s to %(right)s, rows %(top)s to %(bottom)s', { left, right, top, bottom }), 'note'), this.clearing('box')];
  }

  lineParts() {
    const { line } = this.state;
    if (!line) {
      return [element('p', _('Draw a line on the picture with one finger.'))];
    }
    const values = this.frame.onLine(line);
    const { mean, min, max } = statistics(values);
    const height = (value) => (max > min ? 100 - 100 * (value - min) / (max - min) : 50);
    const points = values.map((value, index) => (100 * index / Math.max(1, values.length - 1)).toFixed(2) + ',' + height(value).toFixed(2)).join(' ');
    return [this.plot('polyline', { points }, _('Values along the line, from %(low)s to %(high)s', { low: this.words(min), high: this.words(max) }), [this.words(max), this.words(min)]),
      this.tiles([[_('mean'), this.words(mean)], [_('min'), this.words(min)], [_('max'), this.words(max)], ['n', String(values.length)]]),
      element('p', _('from column %(x0)s, row %(y0)s to column %(x1)s, row %(y1)s', { x0: line[0], y0: line[1], x1: line[2], y1: line[3] }), 'note'), this.clearing('line')];
  }

  histogramParts() {
    const { box } = this.state;
    const values = box ? this.frame.inBox(box) : this.frame.values;
    const { n, min, max } = statistics(values);
    const counts = histogram(values, BINS);
    const most = Math.max(...counts);
    const wide = 100 / BINS;
    const d = counts.map((count, index) => 'M' + (index * wide).toFixed(2) + ',100v' + (-100 * count / most).toFixed(2) + 'h' + (0.9 * wide).toFixed(2) + 'V100Z').join('');
    const plot = this.plot('path', { d }, _('Pixels by value, from %(low)s to %(high)s', { low: this.words(min), high: this.words(max) }), [String(most), '0']);
    const ends = element('p', '', 'ends');
    ends.append(element('span', this.words(min)), element('span', this.words(max)));
    plot.append(ends);
    return [plot, element('p', box ? _('%(n)s pixels of the box', { n }) : _('%(n)s pixels of the whole picture', { n }), 'note')];
  }

  isothermWords() {
    if (this.state.isotherm === 'off') {
      return '';
    }
    const counts = this.frame.counted((value) => this.picked(value));
    const share = (ids) => {
      const [n, picked] = ids.reduce((sums, id) => [sums[0] + counts[id].n, sums[1] + counts[id].picked], [0, 0]);
      return n ? number(100 * picked / n, 0) + ' %' : '–';
    };
    const all = counts.reduce((sum, count) => sum + count.picked, 0);
    return _('%(n)s pixels: %(right)s of the right breast, %(left)s of the left.', { n: all, right: share([1, 3]), left: share([2, 4]) });
  }

  tiles(entries) {
    const list = element('dl', '', 'tiles figures');
    entries.forEach(([name, text]) => {
      const pair = element('div');
      pair.append(element('dt', name), element('dd', text));
      list.append(pair);
    });
    return list;
  }

  plot(kind, attributes, label, [top, bottom]) {
    const figure = element('div', '', 'plot');
    const drawing = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const shape = document.createElementNS('http://www.w3.org/2000/svg', kind);
    Object.entries(attributes).forEach(([name, value]) => shape.setAttribute(name, value));
    Object.entries({ viewBox: '0 0 100 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': label })
      .forEach(([name, value]) => drawing.setAttribute(name, value));
    drawing.append(shape);
    figure.append(element('p', top), drawing, element('p', bottom));
    return figure;
  }

  clearing(name) {
    const button = element('button', _('Clear'));
    button.type = 'button';
    button.addEventListener('click', () => {
      this.change({ [name]: null });
      this.canvas.focus();
    });
    return button;
  }

  // --- the panel

  fillPanels() {
    const { state } = this;
    document.querySelectorAll('[data-choice] button').forEach((button) => {
      const chosen = state[button.parentNode.dataset.choice];
      button.setAttribute('aria-pressed', String(button.value === chosen));
      button.disabled = button.parentNode.dataset.choice === 'layer' && !this.about.layers.includes(button.value);
    });
    document.querySelectorAll('[data-toggle]').forEach((button) => button.setAttribute('aria-pressed', String(state[button.dataset.toggle])));
    const [low, high] = this.span;
    const values = { level: (low + high) / 2, width: high - low, from: state.from, to: state.to };
    document.querySelectorAll('[data-stepper]').forEach((stepper) => setText(stepper.querySelector('output'), this.words(values[stepper.dataset.stepper], stepper.dataset.stepper === 'width')));
    show(document.querySelector('[data-stepper=from]'), ['above', 'between'].includes(state.isotherm));
    show(document.querySelector('[data-stepper=to]'), ['below', 'between'].includes(state.isotherm));
    show(document.querySelector('[data-stepper=split]'), state.compare === 'slider');
    setText(document.querySelector('[data-stepper=split] output'), number(100 * state.split, 0) + ' %');
    const fill = (name, parts) => document.querySelector('[data-reading=' + name + ']').replaceChildren(...parts);
    if (MEASURING.includes(this.tool)) {
      fill(this.tool, this[this.tool + 'Parts']());
    } else if (this.tool === 'isotherm') {
      fill('isotherm', [this.isothermWords()]);
    }
    const reduced = this.about.reduced ? ' ' + _('The picture is larger than the page keeps: what is measured here is measured in a smaller one.') : '';
    fill('layer', [LAYER_NOTES[state.layer] + reduced]);
  }

  change(changes) {
    Object.assign(this.state, changes);
    if (['palette', 'span', 'mode', 'isotherm', 'from', 'to'].some((name) => name in changes)) {
      this.colour();
    }
    this.render();
  }

  pick(name, value) {
    if (name === 'mode') {
      const span = this.span.map((end) => round(end, this.isCelsius ? 0.1 : 1));
      this.change({ mode: value, span });
      choose(this.exam, { span: value === 'locked' ? span : null });
      return;
    }
    this.change({ [name]: value });
    if (name === 'palette') {
      choose(this.exam, { palette: value });
    }
  }

  stepped(name, direction) {
    const step = direction * this.step;
    if (name === 'split') {
      this.change({ split: Math.min(1, Math.max(0, this.state.split + 0.1 * direction)) });
      return;
    }
    if (name === 'from' || name === 'to') {
      const fine = this.isCelsius ? 0.1 : 1;
      this.change({ [name]: round(this.state[name] + direction * fine, fine) });
      return;
    }
    const [low, high] = this.span.map((end) => round(end, this.isCelsius ? 0.1 : 1));
    const span = name === 'level' ? [low + step, high + step] : [low - step / 2, high + step / 2];
    if (span[1] - span[0] < this.step) {
      return;
    }
    const rounded = span.map((end) => round(end, 0.05));
    this.change({ span: rounded, mode: this.state.mode === 'locked' ? 'locked' : 'fixed' });
    if (this.state.mode === 'locked') {
      choose(this.exam, { span: rounded });
    }
  }

  // --- fingers, mouse and keys

  listen() {
    const { canvas } = this;
    document.querySelectorAll('[data-choice] button').forEach((button) => button.addEventListener('click', () =>
      this.pick(button.parentNode.dataset.choice, button.value)));
    document.querySelectorAll('[data-stepper] button').forEach((button) => button.addEventListener('click', () =>
      this.stepped(button.parentNode.dataset.stepper, Number(button.value))));
    document.querySelectorAll('[data-toggle]').forEach((button) => button.addEventListener('click', () => {
      const name = button.dataset.toggle;
      this.change({ [name]: !this.state[name] });
      choose(this.exam, { [name]: this.state[name] });
    }));
    document.querySelectorAll('[data-zoom]').forEach((button) => button.addEventListener('click', () =>
      this.zoom({ in: 2, out: 0.5, whole: 0 }[button.dataset.zoom])));
    document.querySelectorAll('button[data-view]').forEach((button) => button.addEventListener('click', () => this.render()));
    new ResizeObserver(() => this.render()).observe(canvas);
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.moved(event));
    for (const kind of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(kind, (event) => this.up(event, kind === 'pointercancel'));
    }
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.place(event));
    }, { passive: false });
    canvas.addEventListener('keydown', (event) => this.key(event) && event.preventDefault());
  }

  // A place on the screen: in the canvas, and in the frame.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const panes = this.panes();
    const pane = panes.find((one) => x >= one.x && y >= one.y && x < one.x + one.width && y < one.y + one.height) || panes[0];
    const { scale, left, top } = this.placed(pane);
    return { x, y, pane, at: [(x - left) / scale, (y - top) / scale] };
  }

  down(event) {
    if (!this.frame || (event.pointerType === 'mouse' && event.button !== 0)) {
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    const place = this.place(event);
    this.pointers.set(event.pointerId, place);
    if (this.pointers.size > 1) { // a second finger zooms, and what the first one had begun is taken back
      Object.assign(this.state, this.before);
      this.render();
      return;
    }
    const { spot, box, line, from } = this.state;
    this.before = { spot, box, line, from };
    this.began = place;
    this.hasMoved = false;
    this.measure(place);
  }

  moved(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) {
      return;
    }
    const place = this.place(event);
    if (this.pointers.size === 1) {
      this.hasMoved = this.hasMoved || Math.hypot(place.x - this.began.x, place.y - this.began.y) > MOVED_PX;
      if (!this.measure(place)) {
        this.pan(place.x - last.x, place.y - last.y);
      }
      this.pointers.set(event.pointerId, place);
      return;
    }
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
    const apart = (one) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    this.pointers.set(event.pointerId, place);
    this.zoom(apart(place) / apart(last), { ...place, x: (place.x + other.x) / 2, y: (place.y + other.y) / 2, at: place.at });
    this.pan((place.x - last.x) / 2, (place.y - last.y) / 2);
  }

  up(event, isCancelled) {
    const was = this.pointers.size;
    if (this.pointers.delete(event.pointerId) && was === 1 && isCancelled) {
      this.change(this.before);
    }
  }

  // What one finger does with the open tool; whether it does something.
  measure({ x, at, pane }) {
    const pixel = this.frame.pixel(...at);
    const start = this.frame.pixel(...this.began.at);
    if (this.tool === 'spot') {
      this.change({ spot: pixel });
    } else if (this.tool === 'box' || this.tool === 'line') {
      if (this.hasMoved) {
        this.change({ [this.tool]: [...start, ...pixel] });
      }
    } else if (this.tool === 'isotherm' && this.state.isotherm !== 'off') {
      this.change({ [this.state.isotherm === 'below' ? 'to' : 'from']: round(this.frame.at(pixel), this.isCelsius ? 0.1 : 1) });
    } else if (this.tool === 'layers' && this.state.compare === 'slider') {
      this.change({ split: Math.min(1, Math.max(0, (x - pane.x) / pane.width)) });
    } else {
      return false;
    }
    return true;
  }

  // Zoom by a factor around a place; 0 shows the whole picture.
  zoom(factor, place = null) {
    if (!this.frame) {
      return;
    }
    const [pane] = place ? [place.pane] : this.panes();
    const before = this.placed(pane);
    const zoom = factor ? Math.min(MOST_ZOOM, Math.max(1, this.seen.zoom * factor)) : 1;
    const grown = zoom / this.seen.zoom;
    const [x, y] = place ? [(place.x - before.left) / before.scale, (place.y - before.top) / before.scale] : [before.x, before.y];
    this.seen = { zoom, x: x + (before.x - x) / grown, y: y + (before.y - y) / grown };
    this.render();
  }

  pan(dx, dy) {
    const { scale, x, y } = this.placed(this.panes()[0]);
    this.seen = { zoom: this.seen.zoom, x: x - dx / scale, y: y - dy / scale };
    this.render();
  }

  key(event) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!this.frame || event.ctrlKey || event.altKey || event.metaKey) {
      return false;
    }
    if (['+', '=', '-', '0'].includes(event.key)) {
      this.zoom({ '+': 2, '=': 2, '-': 0.5, 0: 0 }[event.key]);
      return true;
    }
    if (!arrow) {
      return false;
    }
    const [dx, dy] = arrow.map((part) => part * (event.shiftKey ? 10 : 1));
    const { width, height } = this.frame;
    const inside = (x, y) => this.frame.pixel(x, y);
    if (this.tool === 'spot') {
      const [x, y] = this.state.spot || [Math.floor(width / 2) - dx, Math.floor(height / 2) - dy];
      this.change({ spot: inside(x + dx, y + dy) });
    } else if (this.tool === 'box' || this.tool === 'line') {
      const [x0, y0, x1, y1] = this.state[this.tool] || [width / 4, height / 4, width / 2 - dx, height / 2 - dy].map(Math.floor);
      this.change({ [this.tool]: [x0, y0, ...inside(x1 + dx, y1 + dy)] });
    } else {
      this.pan(-20 * Math.sign(dx), -20 * Math.sign(dy));
    }
    return true;
  }
}
