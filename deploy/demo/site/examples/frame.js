// The page in which an example runs, or an appearance is previewed: the widget's tag with the given
// attributes, and the example's code.

import { examples } from './list.js';

const asked = new URLSearchParams(location.search);
const example = examples[asked.get('example')] ?? { attributes: {} };

window.Couplet ??= function () {
  (Couplet.q ??= []).push(arguments);
};

const lines = document.querySelector('#lines');
example.run?.({
  show(line) {
    lines.hidden = false;
    lines.append(`${line}\n`);
  },
  button(label, act) {
    const made = document.createElement('button');
    made.textContent = label;
    made.addEventListener('click', act);
    document.querySelector('#buttons').append(made, ' ');
  },
});

asked.delete('example');
const script = document.createElement('script');
// Needed only for this page's Trusted Types: a tag in the page's markup needs no policy.
const policy = window.trustedTypes?.createPolicy('example', { createScriptURL: (url) => url });
script.src = policy ? policy.createScriptURL('/couplet.js') : '/couplet.js';
script.async = true;
Object.assign(script.dataset, { tenant: 'demo', ...example.attributes, ...Object.fromEntries(asked) });
document.head.append(script);
