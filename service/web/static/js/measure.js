// What is measured in a frame: every number comes from the values as they were taken, and none from a picture.

const RIGHT = [1, 3]; // a breast and its nipple
const LEFT = [2, 4];

const clamped = (value, end) => Math.min(Math.max(value, 0), end);

// Low and high corner of a box, both in it.
export function corners(box) {
  return [Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]), Math.max(box[1], box[3])];
}

export class Frame {
  // A buffer as of service.viewing.frame_bytes.
  constructor(buffer, width, height) {
    this.width = width;
    this.height = height;
    this.values = new Float32Array(buffer, 0, width * height);
    this.labels = new Uint8Array(buffer, 4 * width * height);
  }

  // The nearest pixel of a place.
  pixel(x, y) {
    return [clamped(Math.floor(x), this.width - 1), clamped(Math.floor(y), this.height - 1)];
  }

  at([x, y]) {
    return this.values[y * this.width + x];
  }

  label([x, y]) {
    return this.labels[y * this.width + x];
  }

  inBox(box) {
    const [left, top, right, bottom] = corners(box);
    const found = [];
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        found.push(this.values[y * this.width + x]);
      }
    }
    return found;
  }

  // Values along a line, one on each pixel of its longer side.
  onLine([x0, y0, x1, y1]) {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
    return Array.from({ length: steps + 1 }, (_, step) => {
      const share = steps ? step / steps : 0;
      return this.at([Math.floor(x0 + (x1 - x0) * share + 0.5), Math.floor(y0 + (y1 - y0) * share + 0.5)]);
    });
  }

  // Pixels of every region, and how many of them a test picks.
  counted(picked) {
    const counts = Array.from({ length: 256 }, () => ({ n: 0, picked: 0 }));
    this.values.forEach((value, index) => {
      const count = counts[this.labels[index]];
      count.n += 1;
      count.picked += picked(value) ? 1 : 0;
    });
    return counts;
  }

  // The mirrored site of a pixel; null outside the breasts, and where it would lie outside the other one.
  twin([x, y], ontoLeft) {
    const label = this.label([x, y]);
    const side = RIGHT.includes(label) ? RIGHT : LEFT.includes(label) ? LEFT : null;
    if (!side) {
      return null;
    }
    const [tx, ty] = side === RIGHT ? moved(ontoLeft, x, y) : movedBack(ontoLeft, x, y);
    const there = [Math.floor(tx + 0.5), Math.floor(ty + 0.5)];
    const inside = there[0] >= 0 && there[1] >= 0 && there[0] < this.width && there[1] < this.height;
    return inside && (side === RIGHT ? LEFT : RIGHT).includes(this.label(there)) ? there : null;
  }
}

function moved([[a, b, c], [d, e, f]], x, y) {
  return [a * x + b * y + c, d * x + e * y + f];
}

function movedBack([[a, b, c], [d, e, f]], x, y) {
  const size = a * e - b * d;
  return [(e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size];
}

export const isRight = (label) => RIGHT.includes(label);

export function statistics(values) {
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
  }
  return { n: values.length, mean: sum / values.length, min: low, max: high };
}

// How many values lie in each of so many equal steps from the lowest to the highest; the highest is in the last one.
export function histogram(values, bins) {
  const { min, max } = statistics(values);
  const counts = new Array(bins).fill(0);
  const step = (max - min) / bins || 1;
  for (const value of values) {
    counts[Math.min(bins - 1, Math.floor((value - min) / step))] += 1;
  }
  return counts;
}
