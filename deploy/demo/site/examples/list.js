// The examples: description, attributes of the tag, and the code of the page. The functions are
// shown as they are written here. `show` writes a line into the example's page, `button` adds a
// button to it.

export const examples = [
  {
    title: 'One line',
    about: 'The tag alone. Only the button is loaded; everything else is fetched when it gets the pointer or the focus.',
    attributes: {},
  },
  {
    title: 'A link of your own',
    about: 'Works before the script has loaded, too: calls are queued until then.',
    attributes: {},
    run({ button }) {
      button('Talk to us', () => Couplet('open'));
    },
  },
  {
    title: 'To the right queue, with what you know',
    about: 'Begins a conversation; the agent sees the subject and the answers before the first message.',
    attributes: {},
    run({ button }) {
      button('My order has not come', () => {
        Couplet('start', { subject: 'Order 1482', answers: { order: '1482', size: 'Desk' } });
      });
    },
  },
  {
    title: 'Who the customer is',
    about: 'The agent sees it, and the customer is not asked again. For a verified identity, sign a token: identify.',
    attributes: {},
    run() {
      Couplet('setCustomer', { name: 'Ola Nordmann', email: 'ola@shop.example', plan: 'gold' });
    },
  },
  {
    title: 'The unread count, where you want it',
    about: 'Close the panel, let the agent write, and watch the count.',
    attributes: {},
    run({ show }) {
      Couplet('on', 'unread', ({ count }) => show(`Unread: ${count}`));
    },
  },
  {
    title: 'Events, for analytics',
    about: 'Every event, as it happens. Only message contains what was written.',
    attributes: {},
    run({ show }) {
      for (const event of ['ready', 'open', 'close', 'start', 'state', 'agent', 'end', 'rating', 'error']) {
        Couplet('on', event, (detail) => show(`${event} ${JSON.stringify(detail ?? {})}`));
      }
    },
  },
  {
    title: 'After consent',
    about: 'Nothing is stored and no socket is opened before the customer agrees: there, or in your banner.',
    attributes: { consent: 'required' },
    run({ button }) {
      button('Agree', () => Couplet('consent'));
      button('Withdraw', () => Couplet('shutdown'));
    },
  },
  {
    title: 'Another language',
    about: 'There are eight; this one is written from right to left.',
    attributes: { locale: 'ar', open: '' },
  },
  {
    title: 'In your colours',
    about: 'Dark, on the left, in amber. Text on it stays readable whatever the colour.',
    attributes: { theme: 'dark', position: 'left', color: '#e8a33d', open: '' },
  },
  {
    title: 'Single-page apps',
    about: 'The agent sees which page the customer is on; the widget stays. Nothing in your page is patched.',
    attributes: {},
    run({ button, show }) {
      button('To the notebooks', () => {
        history.pushState(null, '', '/examples/notebooks');
        document.title = 'Notebooks';
        show('Now at /examples/notebooks');
      });
    },
  },
  {
    title: 'Gone without a trace',
    about: 'When the customer signs out: the session ends, and nothing is left on the device.',
    attributes: {},
    run({ button }) {
      button('Sign out', () => Couplet('shutdown'));
      button('Come back', () => Couplet('open'));
    },
  },
];

/** The tag that a page would contain. */
export function snippet(origin, tenant, attributes) {
  const more = Object.entries(attributes).map(([name, value]) => (value ? ` data-${name}="${value}"` : ` data-${name}`));
  return `<script async src="${origin}/couplet.js" data-tenant="${tenant}"${more.join('')}></script>`;
}
