// The examples: what is said of each, how its tag is dressed, and what its page does. The functions
// are shown as they stand here. `show` writes a line into the example's page, `button` puts a button there.

export const examples = [
  {
    title: 'One line',
    about: 'The tag alone. The button is there; everything else is fetched when somebody comes near it.',
    attributes: {},
  },
  {
    title: 'A link of your own',
    about: 'Works before the script has loaded, too: calls are kept until then.',
    attributes: {},
    run({ button }) {
      button('Talk to us', () => Couplet('open'));
    },
  },
  {
    title: 'To the right desk, with what is known',
    about: 'Begins a conversation; the agent reads the subject and the answers before the first word.',
    attributes: {},
    run({ button }) {
      button('My order has not come', () => {
        Couplet('start', { subject: 'Order 1482', answers: { order: '1482', size: 'Desk' } });
      });
    },
  },
  {
    title: 'Who the customer is',
    about: 'Is not asked for again, and told to the agent. Where it must be sure, sign a token: identify.',
    attributes: {},
    run() {
      Couplet('setCustomer', { name: 'Ola Nordmann', email: 'ola@shop.example', plan: 'gold' });
    },
  },
  {
    title: 'What is unread, in a place of your own',
    about: 'Close the panel, let the agent write, and see.',
    attributes: {},
    run({ show }) {
      Couplet('on', 'unread', ({ count }) => show(`Unread: ${count}`));
    },
  },
  {
    title: 'Events, for analytics',
    about: 'Every event, as it comes. None carries what was said, but message.',
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
    about: 'Eight there are; this one runs from right to left.',
    attributes: { locale: 'ar', open: '' },
  },
  {
    title: 'In your colours',
    about: 'Dark, on the left, in amber. Text on it stays readable whatever the colour.',
    attributes: { theme: 'dark', position: 'left', color: '#e8a33d', open: '' },
  },
  {
    title: 'Pages that change without loading',
    about: 'The agent sees where the customer is; the widget stays. Nothing of yours is patched.',
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

/** The tag that a page would have. */
export function snippet(origin, tenant, attributes) {
  const more = Object.entries(attributes).map(([name, value]) => (value ? ` data-${name}="${value}"` : ` data-${name}`));
  return `<script async src="${origin}/couplet.js" data-tenant="${tenant}"${more.join('')}></script>`;
}
