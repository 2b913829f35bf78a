// The list on the left, the running example on the right.

import { examples, snippet } from './list.js';

const frame = document.querySelector('#frame');

function element(tag, text, className = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Lines may be too wide for their box: focusable, so that the keyboard can scroll them. */
function listing(text) {
  const made = element('pre', text);
  made.tabIndex = 0;
  return made;
}

/** The source of a method, without the indentation of the list. */
function code(run) {
  const lines = String(run).split('\n').slice(1, -1);
  return lines.map((line) => line.replace(/^ {6}/, '')).join('\n');
}

function start(at) {
  frame.src = `/examples/frame.html?example=${at}`;
  for (const [index, button] of document.querySelectorAll('article button').entries()) {
    button.setAttribute('aria-current', String(index === at));
  }
}

examples.forEach(({ title, about, attributes, run }, at) => {
  const article = element('article', '');
  const button = element('button', 'Run');
  button.type = 'button';
  button.setAttribute('aria-label', `Run: ${title}`);
  button.addEventListener('click', () => start(at));
  article.append(element('h2', title), element('p', about, 'quiet'));
  article.append(listing(snippet(location.origin, 'demo', attributes)));
  if (run) article.append(listing(code(run)));
  article.append(button);
  document.querySelector('#examples').append(article);
});
start(0);
