// Takes the pictures in docs/pictures: one real conversation, seen from both sides.
//
//   COUPLET_TEST_SERVERS=…/servers.json npm run pictures

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Agent } from './support/converse.mjs';
import { Stage } from './support/stage.mjs';
import { Visitors } from './support/visitors.mjs';
import { Customer } from './support/widget.mjs';

const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
mkdirSync(folder, { recursive: true });
const shoot = (page, name, clip) => page.screenshot({ path: `${folder}${name}.png`, clip });
const still = { reducedMotion: 'reduce' };
const phone = { ...still, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const stage = await Stage.open({ agents: [['alice']], plainNames: true });
const visitors = await Visitors.open();

/** The conversation, up to the agent's reply. */
async function talk(customer, alice) {
  await customer.open();
  await customer.says('Hello, do the notebooks really lie flat? I draw across both pages.');
  await alice.takes();
  await alice.sees('Hello, do the notebooks really lie flat? I draw across both pages.');
  await alice.says(
    'Good morning. They do, from the first page to the last: the sections are sewn, not glued.',
  );
  await customer.sees(
    'Good morning. They do, from the first page to the last: the sections are sewn, not glued.',
  );
  await customer.says('Lovely 🙂 And the paper, does it take fountain pen ink?');
  await customer.ticked('fountain pen', 'read');
  await alice.says('It does, without feathering. Shall I put a sample sheet in with your order?');
  await customer.sees('It does, without feathering. Shall I put a sample sheet in with your order?');
  await customer.says('Yes please, with a Desk in green.');
  await customer.ticked('green', 'read');
}

// Waiting comes first, while no agent is online.
const early = await Customer.arrive(visitors, stage.url, still);
await early.open();
await early.says('Hello, is somebody there?');
const waiting = await Customer.arrive(visitors, stage.url, still);
await waiting.open();
await waiting.says('Do you deliver to Tromsø before Christmas?');
await waiting.isTold('Nobody is in right now. The answer comes here.');
await shoot(waiting.page, 'waiting');
for (const customer of [early, waiting]) {
  await customer.part('end').click();
  await customer.isTold('This chat has ended');
}
await visitors.leave({ passed: true });

// Both sides of one conversation, next to each other.
const alice = await Agent.login(visitors, stage, 'alice');
await alice.page.setViewportSize({ width: 804, height: 720 });
const customer = await Customer.arrive(visitors, stage.url, {
  ...still,
  viewport: { width: 620, height: 720 },
});
await talk(customer, alice);
await alice.types('Then a green Desk');
await customer.isShownTyping('Alice is typing');
const [left, right] = await Promise.all([customer.page.screenshot(), alice.page.screenshot()]);
const both = await visitors.page({ viewport: { width: 1448, height: 736 }, deviceScaleFactor: 1 });
const source = (png) => `data:image/png;base64,${png.toString('base64')}`;
await both.setContent(`<style>
  body { display: flex; gap: 8px; margin: 0; padding: 8px; background: #d5d9d7; }
  img { display: block; border-radius: 8px; }
</style><img src="${source(left)}"><img src="${source(right)}">`);
await both
  .locator('img')
  .last()
  .evaluate((image) => image.decode());
await shoot(both, 'conversation');
await shoot(alice.page, 'agent');
await customer.page.setViewportSize({ width: 1280, height: 800 });
await shoot(customer.page, 'customer');
await customer.page.setViewportSize({ width: 820, height: 1180 });
await shoot(customer.page, 'tablet');
await customer.page.setViewportSize({ width: 1280, height: 800 });
await customer.page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
await shoot(customer.page, 'dark');
await alice.says('!close');
await customer.isTold('This chat has ended');
await visitors.leave({ passed: true }, alice.page.context());

const small = await Customer.arrive(visitors, stage.url, phone);
await talk(small, alice);
await shoot(small.page, 'phone');

await visitors.close();
await stage.close();
