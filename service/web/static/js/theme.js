// Day or night: what the operator chose last, else what the device prefers. Runs before the first paint.
(function () {
  'use strict';
  const root = document.documentElement;

  function stored() {
    try {
      return window.localStorage.getItem('theme');
    } catch (refused) { // a browser may keep nothing in kiosk mode
      return null;
    }
  }

  function set(theme) {
    root.dataset.theme = theme;
  }

  set(stored() || (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'night' : 'day'));

  document.addEventListener('DOMContentLoaded', function () {
    const button = document.getElementById('theme'); // on pages of somebody who is logged in the lock stands there
    if (button) button.addEventListener('click', function () {
      set(root.dataset.theme === 'night' ? 'day' : 'night');
      try {
        window.localStorage.setItem('theme', root.dataset.theme);
      } catch (refused) {
        // the choice lasts until the page is left
      }
    });
  });
})();
