// How somebody looks at the pictures of one exam: kept for that exam while this tab is open, and thrown away when
// another exam is looked at. Nothing of it is a value of a patient but the span.
const KEY = 'viewing';

function stored(exam) {
  try {
    const found = JSON.parse(window.sessionStorage.getItem(KEY));
    if (found && found.exam === exam) {
      return found;
    }
    window.sessionStorage.removeItem(KEY);
  } catch (refused) { // the browser keeps nothing, or what it keeps is none of ours
    return {};
  }
  return {};
}

// What was chosen for an exam, and what the address of the page asks for: {palette, span, outlines, hottest}.
export function chosenFor(exam) {
  const asked = new URLSearchParams(window.location.search);
  const chosen = exam ? stored(exam) : {};
  if (asked.has('palette')) {
    chosen.palette = asked.get('palette');
  }
  const span = (asked.get('span') || '').split(',').map(Number);
  if (span.length === 2 && span[0] < span[1]) {
    chosen.span = span;
  }
  return chosen;
}

// Keep choices for an exam; a file has none, and what is chosen for it lasts as long as its page.
export function choose(exam, changes) {
  if (!exam) {
    return;
  }
  try {
    window.sessionStorage.setItem(KEY, JSON.stringify({ ...stored(exam), exam, ...changes }));
  } catch (refused) {
    // it lasts until the page is left
  }
}

// The span that is locked for every view of an exam and for the prior visit, [low, high]; null for none.
export const lockedSpan = (exam) => stored(exam).span || null;

export const lockSpan = (exam, span) => choose(exam, { span });
