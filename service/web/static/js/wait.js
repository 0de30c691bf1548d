// While wrong tries make wait, the keys of a form are off and it says for how long.
import { byId, setText, show } from './dom.js';
import { _ } from './words.js';

export function countdown(form, keys) {
  const until = performance.now() + 1000 * Number(form.dataset.wait);

  function tick() {
    const left = Math.ceil((until - performance.now()) / 1000);
    for (const key of keys) {
      key.disabled = left > 0;
    }
    show(byId('wait'), left > 0);
    if (left > 0) {
      setText(byId('wait'), _('Too many wrong tries. Try again in %(left)s s.', { left }));
      window.setTimeout(tick, 200);
    }
  }

  if (Number(form.dataset.wait) > 0) {
    tick();
  }
}
