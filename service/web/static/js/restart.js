// A page while something goes on that may end with a restart: it is loaded anew when that has come to another point.
import { byId, show } from './dom.js';

const EVERY_MS = 1000;
const { phase } = document.querySelector('[data-phase]').dataset;

async function look() {
  try {
    const answer = await fetch(window.location.href);
    const there = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-phase]');
    if (answer.redirected || !there || there.dataset.phase !== phase) {
      window.location.replace(answer.redirected ? '/' : window.location.href);
      return;
    }
    show(byId('silent'), false);
  } catch (away) { // between the end of one service and the start of the next
    show(byId('silent'), true);
  }
  window.setTimeout(look, EVERY_MS);
}

window.setTimeout(look, EVERY_MS);
