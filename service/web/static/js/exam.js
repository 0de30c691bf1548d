// A tap is taken once: while the service works, no button can be pressed again.
import { byId, show } from './dom.js';

document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) {
    return;
  }
  const taking = byId('taking');
  if (taking && event.target.matches('.takes')) {
    show(taking, true);
  }
  // After the form was read: a disabled button would not be part of it.
  window.setTimeout(() => {
    for (const button of document.querySelectorAll('button')) {
      button.disabled = true;
    }
  });
});
