// One thing at a time: summary, regions or timing. The picture makes room for the wide table.
import { byId, show } from './dom.js';

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
