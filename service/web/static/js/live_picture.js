// The live pictures, each with its number: an <img> would show them without saying which.

const RETRY_MS = 1500;
const READY_MS = 100;
const HEAD_END = [13, 10, 13, 10];

// Reads `path` for ever and hands the newest picture to `draw(bitmap, number)`. When the stream ends or is refused, which
// the values explain, it is asked for again once `ready()`.
export async function readPictures(path, ready, draw) {
  const decode = decoder(draw);
  for (let attempt = 1; ; attempt += 1) {
    while (!ready()) {
      await pause(READY_MS);
    }
    try {
      const answer = await fetch(path + '?' + attempt);
      if (answer.ok) {
        await readParts(answer.body.getReader(), decode);
      }
    } catch (lost) {
      // It is asked for again.
    }
    await pause(RETRY_MS);
  }
}

const pause = (ms) => new Promise((again) => { window.setTimeout(again, ms); });

async function readParts(reader, decode) {
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const bytes = new Uint8Array(held.length + value.length);
    bytes.set(held);
    bytes.set(value, held.length);
    held = takeParts(bytes, decode);
  }
}

// Takes whole pictures off the front; returns what is left.
function takeParts(bytes, decode) {
  let rest = bytes;
  for (let end = headEnd(rest); end >= 0; end = headEnd(rest)) {
    const head = new TextDecoder('latin1').decode(rest.subarray(0, end));
    const length = Number(/content-length: *(\d+)/i.exec(head)[1]);
    if (rest.length < end + length) {
      break;
    }
    decode(Number(/x-picture: *(\d+)/i.exec(head)[1]), rest.slice(end, end + length));
    rest = rest.subarray(end + length);
  }
  return rest;
}

// Decodes one picture at a time; of those that come meanwhile, the newest.
function decoder(draw) {
  let next = null;
  let busy = false;
  return async (number, jpeg) => {
    next = { number, jpeg };
    if (busy) {
      return;
    }
    busy = true;
    while (next) {
      const taken = next;
      next = null;
      try {
        const bitmap = await window.createImageBitmap(new Blob([taken.jpeg], { type: 'image/jpeg' }));
        draw(bitmap, taken.number);
        bitmap.close();
      } catch (damaged) {
        // The next one follows.
      }
    }
    busy = false;
  };
}

function headEnd(bytes) {
  for (let at = 0; at + HEAD_END.length <= bytes.length; at += 1) {
    if (HEAD_END.every((byte, index) => bytes[at + index] === byte)) {
      return at + HEAD_END.length;
    }
  }
  return -1;
}
