// In a kiosk no key does anything by itself, from the first moment of a page on: one that the browser took for its own
// could cover the exam for good. keys.js reads them.
(function () {
  'use strict';
  if ('keys' in document.documentElement.dataset) {
    ['keydown', 'keypress', 'keyup'].forEach(function (kind) {
      window.addEventListener(kind, function (event) { event.preventDefault(); }, true);
    });
  }
})();
