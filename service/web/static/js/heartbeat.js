// Tells the service that this screen is seen and drawn anew, so that a browser that hangs, stands still or is covered is
// started again.
const EVERY_MS = 2000;
const FRAMES = 10; // asked for between two beats; counting every frame would keep the board busy
let frames = 0;

function beat() {
  const said = new URLSearchParams({
    visible: document.visibilityState === 'visible' ? 1 : 0,
    frames,
    picture: (document.querySelector('#frame[data-picture]') || document.body).dataset.picture || 0,
    name: window.location.pathname.split('/')[1] || 'live',
  });
  frames = 0;
  fetch('/screen/beat?' + said).catch(() => {}); // the page itself says that the service does not answer
}

window.setInterval(() => window.requestAnimationFrame(() => { frames += 1; }), EVERY_MS / FRAMES);
window.setInterval(beat, EVERY_MS);
window.setTimeout(beat, EVERY_MS / 4);
