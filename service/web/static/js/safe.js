// Leaves the page of safe mode by itself when the station runs again, and comes back to it when it does not.
const CHECK_MS = 1000;
const waiting = document.getElementById('again') !== null;
let wasAway = false;

async function look() {
  try {
    const answer = await fetch('/healthz', { cache: 'no-store' });
    const safe = (await answer.json()).status === 'safe';
    // The page that waits sees the old safe mode until the service has ended: only one after that is news.
    if (!safe || (waiting && wasAway)) {
      window.location.replace('/');
      return;
    }
  } catch (away) {
    wasAway = true;
  }
  window.setTimeout(look, CHECK_MS);
}

window.setTimeout(look, CHECK_MS);
