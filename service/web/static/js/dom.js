// Helpers that touch the page only where something has changed, so that nothing flickers.

export const byId = (id) => document.getElementById(id);

export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

export function show(node, visible) {
  if (node.hidden === visible) {
    node.hidden = !visible;
  }
}

export function element(name, text = '', className = '') {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) {
    node.className = className;
  }
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';
// The icons are part of the page (templates/_icons.svg): they are there while the service is not.
const ICONS = '#icon-';

export function icon(name) {
  const node = document.createElementNS(SVG, 'svg');
  node.setAttribute('class', 'icon');
  node.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', ICONS + name);
  node.appendChild(use);
  return node;
}

export function setIcon(holder, name) {
  const use = holder.querySelector('use');
  if (use.getAttribute('href') !== ICONS + name) {
    use.setAttribute('href', ICONS + name);
  }
}

// Rows of a table body or list: rebuilt where their number or names change, filled in place otherwise.
export function fillRows(body, rows, build, fill) {
  const signature = rows.map((row) => row.key).join('|');
  if (body.dataset.signature !== signature) {
    body.dataset.signature = signature;
    body.replaceChildren(...rows.map(build));
  }
  rows.forEach((row, index) => fill(body.children[index], row));
}
