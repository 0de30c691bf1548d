// A list that is longer than its place is shown a screenful at a time: at the bedside nothing scrolls.
import { element, setText, show } from './dom.js';
import { _ } from './words.js';

// How high the heads are of all that an entry stands in, from its top to that of its first part.
function headOf(entry) {
  let height = 0;
  for (let whole = entry.parentElement.closest('[data-whole]'); whole; whole = whole.parentElement.closest('[data-whole]')) {
    const first = whole.querySelector('[data-whole] , [data-part]');
    height += first.getBoundingClientRect().top - whole.getBoundingClientRect().top;
  }
  return height;
}

class Paged {
  constructor(list) {
    this.list = list;
    this.at = 0;
    this.bar = element('p', '', 'paging');
    this.count = element('span');
    this.count.setAttribute('role', 'status');
    [this.before, this.after] = [[_('Previous'), -1], [_('Next'), 1]].map(([words, by]) => {
      const button = element('button', words);
      button.type = 'button';
      button.addEventListener('click', () => this.show(this.at + by));
      return button;
    });
    this.bar.append(this.before, this.count, this.after);
    list.after(this.bar);
    this.fit();
  }

  // Every page begins with the first entry that the one before had no room for. Entries are the parts of what is in the
  // list where it names any; what they stand in is shown with them, with the room that its head takes.
  fit() {
    const parts = [...this.list.querySelectorAll('[data-part]')];
    const entries = parts.length ? parts : [...this.list.children];
    this.wholes = [...this.list.querySelectorAll('[data-whole]')];
    this.pages = [entries];
    this.showAll();
    show(this.bar, false);
    if (this.list.scrollHeight > this.list.clientHeight + 1) {
      show(this.bar, true);
      const height = this.list.clientHeight;
      let top = -Infinity;
      this.pages = [];
      entries.map((entry) => [entry.getBoundingClientRect(), headOf(entry)]).forEach(([{ top: start, bottom }, head], index) => {
        if (bottom - top > height + 1) {
          this.pages.push([]);
          top = start - head;
        }
        this.pages[this.pages.length - 1].push(entries[index]);
      });
    }
    this.show(Math.min(this.at, this.pages.length - 1));
  }

  // The page on which something of the list begins; whether it is of this list.
  lead(target) {
    const part = target.matches('[data-part]') ? target : target.querySelector('[data-part]');
    const at = this.pages.findIndex((page) => page.includes(part));
    if (at >= 0) {
      this.show(at);
      this.list.focus();
      this.list.scrollTop = 0;
    }
    return at >= 0;
  }

  showAll() {
    [...this.wholes, ...this.pages.flat()].forEach((entry) => show(entry, true));
  }

  show(at) {
    this.at = at;
    this.pages.forEach((page, index) => page.forEach((entry) => show(entry, index === at)));
    this.wholes.forEach((whole) => show(whole, whole.querySelector('[data-part]:not([hidden])') !== null));
    setText(this.count, _('%(number)s of %(count)s', { number: at + 1, count: this.pages.length }));
    this.before.disabled = at === 0;
    this.after.disabled = at === this.pages.length - 1;
  }
}

const lists = [...document.querySelectorAll('[data-paged]')].map((list) => new Paged(list));
const fit = () => lists.forEach((list) => list.fit());
window.addEventListener('resize', fit);
window.addEventListener('load', fit);
window.addEventListener('beforeprint', () => lists.forEach((list) => list.showAll()));
window.addEventListener('afterprint', fit);
document.fonts.ready.then(fit);
document.addEventListener('click', (event) => { // what a link leads to may be on another page
  const link = event.target.closest('a[href^="#"]');
  const target = link && document.querySelector(link.hash);
  if (target && lists.some((list) => list.lead(target))) {
    event.preventDefault();
  }
});
