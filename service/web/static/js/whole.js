// A figure that is cut, such as a hash: a touch shows all of it, and another one takes that back.
import { setText } from './dom.js';

export function cut(node, text, length) {
  node.dataset.whole = text;
  if (!('open' in node.dataset)) {
    setText(node, text.slice(0, length));
  }
}

document.addEventListener('click', ({ target }) => {
  const node = target.closest('button[data-whole]');
  if (node) {
    const open = node.toggleAttribute('data-open');
    node.dataset.short = open ? node.textContent : node.dataset.short;
    node.textContent = open ? node.dataset.whole : node.dataset.short;
  }
});
