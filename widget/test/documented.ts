// Every call in docs/embedding.md, as a page in TypeScript would write it. `npm run check` compiles
// it; it is never run.

import type { AnyDetail, Customer, Start } from '../couplet';

declare const dataLayer: object[];
declare const jwt: string;

interface User {
  id: number;
  name: string | null;
  email?: string;
  premium: boolean;
}
declare const user: User;

export function stub(): void {
  // biome-ignore lint/complexity/useArrowFunction: as documented
  window.Couplet ??= function () {
    // biome-ignore lint/suspicious/noAssignInExpressions: as documented
    // biome-ignore lint/complexity/noArguments: as documented
    (Couplet.q ??= []).push(arguments);
  };
}

export function byName(): void {
  Couplet('open');
  Couplet('close');
  Couplet('toggle');
  Couplet('start');
  Couplet('start', { queue: 'sales', subject: 'An order', answers: { order: 17, gift: true } });
  Couplet('start', { queue: user.premium ? 'first' : undefined, answers: user } satisfies Start);
  Couplet('send', 'hello');
  Couplet('identify', jwt);
  Couplet('setCustomer', {
    name: 'Kim',
    email: 'kim@example.org',
    plan: 'pro',
    seats: 4,
    tags: ['a'],
    since: new Date(),
  });
  Couplet('setCustomer', user);
  Couplet('setCustomer', { name: user.name, phone: undefined } satisfies Customer);
  Couplet('setPage', '/checkout');
  Couplet('setPage', new URL('/checkout', location.href));
  Couplet('setLocale', 'de');
  Couplet('setTheme', 'dark');
  Couplet('consent');
  Couplet('shutdown');
}

export function asMethods(): void {
  Couplet.open();
  Couplet.close();
  Couplet.toggle();
  Couplet.start();
  Couplet.start({ queue: 'sales' });
  Couplet.send('hello');
  Couplet.identify(jwt);
  Couplet.setCustomer(user);
  Couplet.setPage('/checkout');
  Couplet.setLocale('de');
  Couplet.setTheme('auto');
  Couplet.consent();
  Couplet.shutdown();
  window.Couplet?.open();
  window.Couplet?.('open');
  const version: string | undefined = Couplet.version;
  void version;
}

export function events(): void {
  Couplet('on', 'ready', () => {});
  Couplet('on', 'open', () => {});
  Couplet('on', 'start', ({ conversation }) => conversation.toUpperCase());
  Couplet('on', 'message', ({ seq, at, from, text, files }) => [seq + at, from.kind, text, files?.[0]?.name]);
  Couplet('on', 'unread', ({ count }) => {
    const inbox = document.querySelector('#inbox');
    if (inbox) inbox.textContent = String(count || '');
  });
  Couplet('on', 'state', ({ state, position = 0, eta_s = 0 }) => state === 'waiting' && position + eta_s);
  Couplet('on', 'agent', ({ name }) => name);
  Couplet('on', 'end', ({ conversation }) => conversation);
  Couplet('on', 'rating', ({ score }) => score + 1);
  Couplet('on', 'error', ({ code, message }) => [code, message]);
  Couplet('on', 'identity', async ({ expired }) => expired && Couplet('identify', jwt));
  const listener = ({ count }: { count: number }) => count;
  Couplet.on('unread', listener);
  Couplet.off('unread', listener);
  Couplet('off', 'unread', listener);
  addEventListener('your-consent-event', (event) =>
    Couplet((event as CustomEvent<{ chat: boolean }>).detail.chat ? 'consent' : 'shutdown'),
  );
  for (const event of ['open', 'start', 'agent', 'end', 'rating'] as const) {
    Couplet('on', event, ({ conversation, score }: AnyDetail = {}) => {
      dataLayer.push({ event: `chat_${event}`, chat_id: conversation, chat_score: score });
    });
  }
}

export function refused(): void {
  // @ts-expect-error no such method
  Couplet('opne');
  // @ts-expect-error a text is needed
  Couplet('send');
  // @ts-expect-error fields are needed
  Couplet('setCustomer', null);
  // @ts-expect-error no such theme
  Couplet('setTheme', 'pink');
  // @ts-expect-error no such event
  Couplet('on', 'mesage', () => {});
  // @ts-expect-error not of this event
  Couplet('on', 'unread', ({ score }) => score);
}
