// The language of the station. `_` translates the words of a script, `translated` a sentence that the service made, in
// which values stand already; both are English where the catalogue has nothing. As service/languages does it for a page.
import { shown } from './degrees.js';

const PLACEHOLDER = /%(?:\((\w+)\)|(\d+)\$)?[-+0#]*\d*(?:\.(?:\d+|\*))?([sdfgrxX%])/g;
const LEAST_LETTERS = 4;
const NUMBER = '([-+\u2212]?[0-9][0-9a-fA-F.,e+-]*|nan|inf)';
const KEPT = 500;

const address = document.documentElement.dataset.words;
const { words = {}, measured = {} } = address ? await fetch(address).then((answer) => answer.json()).catch(() => ({})) : {};
const known = new Map(Object.entries(words));
const made = new Map();

const letters = (text) => text.replace(PLACEHOLDER, '').replace(/[^\p{L}]/gu, '').length;
const own = (text) => text.replace(PLACEHOLDER, '').length;
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function finder(form) {
  let source = '';
  let end = 0;
  for (const hit of form.matchAll(PLACEHOLDER)) {
    source += literal(form.slice(end, hit.index)) + ({ '%': '%', s: '(.*?)', r: '(.*?)' }[hit[3]] || NUMBER);
    end = hit.index + hit[0].length;
  }
  return new RegExp('^' + source + literal(form.slice(end)) + '$', 's');
}

const byPlace = (text) => [...text.matchAll(PLACEHOLDER)].some((hit) => hit[3] !== '%' && !hit[1]);
const forms = [...known.keys()].filter((text) => byPlace(text) && letters(text) >= LEAST_LETTERS)
  .sort((one, other) => own(other) - own(one)).map((text) => ({ finds: finder(text), says: known.get(text), text }));

// A value of a form: in °F where it is a temperature; `place` is its name, or counted from 1.
function inUnit(text, place, value) {
  const [isDifference, places] = measured[text] || [false, []];
  return places.includes(String(place)) ? shown(value, isDifference) : value;
}

// A text of a script, with its values by their names: _('%(count)s new, show', { count }).
export function _(text, values) {
  const says = known.get(text) || text;
  return values ? says.replace(PLACEHOLDER, (hit, name, place, kind) => (kind === '%' ? '%' : inUnit(text, name, String(values[name])))) : says;
}

function find(text) {
  for (const { finds, says, text: form } of forms) {
    const found = finds.exec(text);
    if (found) {
      let place = 0;
      return says.replace(PLACEHOLDER, (hit, name, number, kind) => {
        place += kind === '%' ? 0 : 1;
        return kind === '%' ? '%' : inUnit(form, number || place, translated(found[number || place]));
      });
    }
  }
  const sentences = text.split(/(?<=[.?!]) (?=\S)/);
  if (sentences.length > 1) {
    return sentences.map(translated).join(' ');
  }
  const end = text.indexOf(': ');
  const about = known.get(text.slice(0, end));
  return about && end > 0 ? about + text.slice(end, end + 2) + translated(text.slice(end + 2)) : text;
}

export function translated(text) {
  if (!known.size || !text) {
    return text;
  }
  if (known.has(text)) {
    return known.get(text);
  }
  if (!made.has(text)) {
    if (made.size > KEPT) {
      made.clear();
    }
    made.set(text, find(text));
  }
  return made.get(text);
}
