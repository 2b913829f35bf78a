// Everything but plain text, between the widget and Converse.js, on each XMPP server: the form when
// no agent is online, edits, replies, retractions, buttons, pictures, a rating.

import { equal } from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { afterEach, test } from 'node:test';
import { Agent } from './support/converse.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/until.mjs';
import { Visitors } from './support/visitors.mjs';
import { Customer } from './support/widget.mjs';

const PICTURE = fileURLToPath(new URL('../../widget/test/browser/shelf.png', import.meta.url));
let stage;
let visitors;

afterEach(async (play) => {
  await visitors?.leave(play);
  await visitors?.close();
  await stage?.close();
});

for (const on of ['prosody', 'ejabberd']) {
  test(`everything but plain text, on ${on}`, async () => {
    stage = await Stage.open({ agents: [['alice']], on });
    visitors = await Visitors.open();

    // No agent is online: the customer leaves a message and contact details for the next agent.
    const customer = await Customer.arrive(visitors, stage.url);
    await customer.open();
    await customer.page.locator('couplet-chat input[name="email"]').fill('ola@shop.example');
    await customer.says('Do you ship to Norwey?');
    const alice = await Agent.login(visitors, stage, 'alice');
    await alice.takes();
    await alice.sees('Do you ship to Norwey?');
    await until('the agent is told how to reach the customer', async () =>
      (await alice.texts()).some((line) => line.includes('ola@shop.example')),
    );
    await alice.says('Yse, we do.');
    await customer.sees('Yse, we do.');

    // Each edits a message.
    await customer.corrects('Norwey', 'Do you ship to Norway?');
    await alice.sees('Do you ship to Norway?');
    equal(await alice.message('Norwey').count(), 0, 'in its place');
    await alice.corrects('Yse', 'Yes, we do.');
    await customer.sees('Yes, we do.');
    equal((await customer.texts()).includes('Yse, we do.'), false, 'in its place');

    // Each replies to the other.
    await customer.replies('Yes, we do.', 'How fast?');
    await alice.sees('How fast?');
    await alice.message('How fast?').locator('.chat-msg__reply-context', { hasText: 'Yes, we do.' }).waitFor();
    await alice.replies('Do you ship to Norway?', 'To Oslo: two days.');
    await customer.sees('To Oslo: two days.');
    await customer.message('To Oslo').locator('[data-part="quote"]', { hasText: 'ship to Norway' }).waitFor();

    // Each retracts a message.
    await customer.takesBack('How fast?');
    await alice.page.locator('.chat-msg--retracted').waitFor();
    equal(await alice.message('How fast?').count(), 0);
    await alice.takesBack('To Oslo');
    await until('the customer sees it go', async () => !(await customer.texts()).includes('To Oslo: two days.'));

    // Buttons can be pressed once.
    await alice.says('!ask Which size? | A5 | A4');
    await customer.sees('Which size?');
    await customer.part('choice').getByText('A4').click();
    await alice.sees('A4');
    await customer.part('choice').first().waitFor({ state: 'hidden' });

    // A picture in each direction.
    await customer.part('files').setInputFiles(PICTURE);
    await customer.part('tray').locator('canvas').waitFor();
    await customer.part('send').click();
    const link = alice.chat.locator('a[href*="shelf.png"]').first();
    await link.waitFor();
    const got = await fetch(await link.getAttribute('href'));
    equal(got.headers.get('content-type'), 'image/png');
    await alice.sendsFile(PICTURE);
    await customer.page.locator('couplet-chat [data-from="agent"] .files img, couplet-chat [data-from="agent"] .files canvas').waitFor();

    // The end, and the rating.
    await alice.says('!close');
    await customer.part('rating').getByLabel('Very good').check();
    await customer.part('send-rating').click();
    await until('the agent is told', async () =>
      (await alice.texts()).some((line) => line.includes('rated the conversation 5 of 5')),
    );
  });
}
