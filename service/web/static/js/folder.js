// Thumbnails of a folder, after its list is on the screen and one at a time: whoever opens a file waits for one at most.
const waiting = Array.from(document.querySelectorAll('.thumbnail img'));

function next() {
  const picture = waiting.shift();
  if (picture) {
    picture.addEventListener('load', () => {
      picture.hidden = false;
      next();
    });
    picture.addEventListener('error', next); // the icon stays
    picture.src = picture.dataset.src;
  }
}

// The second frame begins when the first has been painted.
requestAnimationFrame(() => requestAnimationFrame(next));
