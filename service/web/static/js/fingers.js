// Fingers in gloves: a button acts when the finger leaves it, however long it was pressed; nothing is dragged or selected;
// lists stand still for a moment before they can be tapped; nothing comes back from the history.
import { element } from './dom.js';

const PRESSED = 'button, a[href], summary, input[type=checkbox], input[type=radio]';
const QUIET_MS = 400;
const VEIL_MS = 500;
const root = document.documentElement;

window.addEventListener('pageshow', (event) => event.persisted && window.location.replace('/'));
document.addEventListener('dragstart', (event) => event.preventDefault()); // its ghost eats the next tap
if ('kiosk' in root.dataset) {
  document.addEventListener('contextmenu', (event) => event.preventDefault());
}

let down = null;
let done = false;
let quietUntil = performance.now() + QUIET_MS;
const quiet = () => { quietUntil = performance.now() + QUIET_MS; };

function isListed(node) {
  return node.nodeType === 1 && (node.matches('li, ul, ol') || node.querySelector('li') !== null);
}

new MutationObserver((changes) => changes.some((change) => [...change.addedNodes].some(isListed)) && quiet())
  .observe(document.body, { childList: true, subtree: true });
window.addEventListener('resize', quiet);

document.addEventListener('pointerdown', (event) => {
  const target = event.target.closest(PRESSED);
  done = false;
  down = null;
  if (event.pointerType === 'mouse' || !event.isPrimary || event.defaultPrevented || !target) {
    return;
  }
  if (target.closest('li') && performance.now() < quietUntil) {
    done = true; // a tap that was meant for what stood here before
    return;
  }
  down = target;
});

document.addEventListener('pointerup', (event) => {
  const target = event.target.closest(PRESSED);
  if (down && target === down && down.isConnected && !(down.closest('li') && performance.now() < quietUntil)) {
    down.click();
    done = true;
  }
  down = null;
});
document.addEventListener('pointercancel', () => { down = null; });

// The browser's own click after a short press has been made above.
document.addEventListener('click', (event) => {
  if (done && event.isTrusted && event.detail > 0) {
    done = false;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// The locked screen turns black, and the first touch does nothing but end that. X never blanks: its touches go through.
const blankMs = 1000 * Number(root.dataset.blank || 0);
if (blankMs) {
  const veil = element('div', '', 'veil');
  let timer = 0;
  const wait = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => document.body.append(veil), blankMs);
  };
  for (const kind of ['pointerdown', 'pointerup', 'click']) {
    veil.addEventListener(kind, (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (kind === 'pointerup') {
        window.setTimeout(() => veil.remove(), VEIL_MS);
      }
    });
  }
  window.addEventListener('pointerdown', wait, true);
  wait();
}
