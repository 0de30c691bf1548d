// A list that is longer than its place is shown a screenful at a time: at the bedside nothing scrolls.
import { element, setText, show } from './dom.js';
import { _ } from './words.js';

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

  // Every page begins with the first entry that the one before had no room for.
  fit() {
    const entries = [...this.list.children];
    entries.forEach((entry) => show(entry, true));
    show(this.bar, false);
    this.pages = [entries];
    if (this.list.scrollHeight > this.list.clientHeight + 1) {
      show(this.bar, true);
      const height = this.list.clientHeight;
      let top = -Infinity;
      this.pages = [];
      entries.map((entry) => entry.getBoundingClientRect()).forEach(({ top: start, bottom }, index) => {
        if (bottom - top > height + 1) {
          this.pages.push([]);
          top = start;
        }
        this.pages[this.pages.length - 1].push(entries[index]);
      });
    }
    this.show(Math.min(this.at, this.pages.length - 1));
  }

  show(at) {
    this.at = at;
    this.pages.forEach((page, index) => page.forEach((entry) => show(entry, index === at)));
    setText(this.count, _('%(number)s of %(count)s', { number: at + 1, count: this.pages.length }));
    this.before.disabled = at === 0;
    this.after.disabled = at === this.pages.length - 1;
  }
}

const lists = [...document.querySelectorAll('[data-paged]')].map((list) => new Paged(list));
const fit = () => lists.forEach((list) => list.fit());
window.addEventListener('resize', fit);
document.fonts.ready.then(fit);
