// From the chosen settings: a preview, and the script tag for it.

import { snippet } from '/examples/list.js';

const TENANT = 'demo';
const form = document.querySelector('#wishes');
const shown = document.querySelector('#snippet');
const frame = document.querySelector('#frame');

/** The attributes that differ from the widget's defaults. */
function wishes() {
  const { theme, position, coloured, color, locale, queue, open, consent } = form.elements;
  return {
    ...(theme.value && { theme: theme.value }),
    ...(position.value && { position: position.value }),
    ...(coloured.checked && { color: color.value }),
    ...(locale.value && { locale: locale.value }),
    ...(queue.value && { queue: queue.value }),
    ...(open.checked && { open: '' }),
    ...(consent.checked && { consent: 'required' }),
  };
}

function show() {
  const attributes = wishes();
  form.elements.color.disabled = !attributes.color;
  shown.textContent = snippet(location.origin, TENANT, attributes);
  document.querySelector('#copied').textContent = '';
  document.querySelector('#contrast').textContent = attributes.color
    ? 'Text on it is black or white; if neither is readable, the colour is darkened.'
    : '';
  // The preview is always open; whether the page opens the chat is only written into the tag.
  const asked = new URLSearchParams({ ...attributes, open: '' });
  frame.src = `/examples/frame.html?${asked}`;
}

form.addEventListener('change', show);
form.addEventListener('submit', (event) => event.preventDefault());
document.querySelector('#copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(shown.textContent);
  document.querySelector('#copied').textContent = 'Copied';
});
show();

const { queues } = await (await fetch(`/v1/${TENANT}/config`)).json();
for (const { key, name } of queues) form.elements.queue.add(new Option(name, key));
