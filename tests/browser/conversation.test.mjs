// One customer in the widget, one agent in Converse.js, from hello to close.

import { deepEqual, equal } from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Agent } from './support/converse.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/until.mjs';
import { Visitors } from './support/visitors.mjs';
import { Customer } from './support/widget.mjs';

let stage;
let visitors;
let alice;

before(async () => {
  stage = await Stage.open({ agents: [['alice']] });
  visitors = await Visitors.open();
  alice = await Agent.login(visitors, stage, 'alice');
});
afterEach((play) => visitors.leave(play, alice.page.context()));
after(async () => {
  await visitors?.close();
  await stage?.close();
});

/** A new customer, who has asked a question and got a reply. */
async function talking(question, answer) {
  const customer = await Customer.arrive(visitors, stage.url);
  await customer.open();
  await customer.says(question);
  await alice.takes();
  await alice.sees(question);
  await alice.says(answer);
  await customer.sees(answer);
  return customer;
}

test('from hello to close: messages, ticks, typing, a reload in the middle', async () => {
  const customer = await Customer.arrive(visitors, stage.url);
  await customer.open();
  await customer.says('Do the notebooks lie flat?');
  await customer.isTold('You are first in line');
  await customer.ticked('Do the notebooks lie flat?', 'delivered');

  // The customer's details arrive before the first message; opening the chat counts as reading it.
  await alice.takes();
  await alice.sees('Do the notebooks lie flat?');
  await until('the agent is told who waits', async () =>
    (await alice.texts()).some((line) => /^⚙ Visitor \w+ is waiting \(Halyard\) · localhost:\d+$/.test(line)),
  );
  await customer.ticked('Do the notebooks lie flat?', 'read');

  // A reply accepts the conversation; the agent's name is on everything.
  await alice.says('They do, all three sizes.');
  await customer.sees('They do, all three sizes.');
  await customer.isNoted('Alice joined');
  await customer.isTold('You are talking to Alice');
  equal(await customer.page.locator('couplet-chat .who').last().innerText(), 'A\nAlice');
  await alice.ticked('They do, all three sizes.');

  // Typing, in both directions; the text itself is not sent yet.
  await customer.composer.pressSequentially('Goo');
  await alice.isNotified('is typing');
  await alice.types('Shall');
  await customer.isShownTyping('Alice is typing');
  await customer.seesAll(['Do the notebooks lie flat?', 'They do, all three sizes.']);

  // The page is reloaded while the agent has the conversation.
  await customer.reloads();
  await alice.says('Shall I put one aside?');
  const said = ['Do the notebooks lie flat?', 'They do, all three sizes.', 'Shall I put one aside?'];
  await customer.seesAll(said);
  await customer.isTold('You are talking to Alice');
  await customer.says('Yes please.');
  await alice.sees('Yes please.');
  await customer.ticked('Yes please.', 'read');

  // The agent closes; a message after that begins a new conversation, with the whole log still
  // shown.
  await alice.says('!close');
  await customer.isNoted('This chat has ended');
  await alice.sees('⚙ You closed the conversation');
  await customer.part('end').waitFor({ state: 'hidden' });
  await customer.says('One more thing');
  await alice.sees('One more thing');
  await alice.says('Go ahead.');
  await customer.seesAll([...said, 'Yes please.', 'One more thing', 'Go ahead.']);

  // The customer ends it.
  await customer.part('end').click();
  await alice.sees('⚙ The customer ended the conversation');
  await customer.isTold('This chat has ended');
  equal(await customer.page.locator('couplet-chat .note', { hasText: 'This chat has ended' }).count(), 2);
  const conversations = (await stage.transcript()).map(({ entries }) =>
    entries.map(({ kind, text }) => text ?? kind),
  );
  deepEqual(conversations, [
    ['Do the notebooks lie flat?', 'joined', ...said.slice(1), 'Yes please.', 'closed'],
    ['One more thing', 'joined', 'Go ahead.', 'closed'],
  ]);
});

const TEXTS = {
  emoji: '👩‍👩‍👧‍👦 🇩🇪 👍🏽 🙂',
  'right to left': 'שלום, מרחבא — مرحبا بالعالم',
  markup: `<b>&amp;]]> <!-- --> &#0; <img src=x onerror=alert(1)> '"`,
  'eight thousand characters': `${'𝒳'.repeat(3_990)} ${'long '.repeat(801)}tail`.slice(0, 11_990),
};

test('every text arrives as it was written, both ways', async () => {
  equal([...TEXTS['eight thousand characters']].length, 8_000);
  const customer = await talking('Hello', 'Hi');
  const said = ['Hello', 'Hi'];
  for (const text of Object.values(TEXTS)) {
    await customer.says(text);
    await alice.sees(text);
    await alice.says(text);
    said.push(text, text);
    await customer.seesAll(said);
  }
  const hebrew = customer.part('text').filter({ hasText: 'שלום' }).first();
  equal(await hebrew.evaluate((element) => getComputedStyle(element).direction), 'rtl');
  await customer.reloads();
  await customer.seesAll(said);
});

test('a text that is too long is reported, kept, and not sent', async () => {
  const customer = await talking('Hello again', 'Hi');
  await customer.composer.fill('x'.repeat(8_003));
  await customer.page.getByText('Too long by 3 characters').waitFor();
  await customer.composer.press('Enter');
  equal(await customer.part('send').isDisabled(), true);
  await customer.composer.press('Backspace');
  await customer.page.getByText('Too long by 2 characters').waitFor();
  deepEqual(await customer.texts(), ['Hello again', 'Hi']);
});

test('all tabs of a customer show one conversation', async () => {
  const first = await talking('From the first tab', 'Good morning.');
  const second = await Customer.arrive(visitors, stage.url, { context: first.page.context() });
  await second.open();
  await second.seesAll(['From the first tab', 'Good morning.']);
  await second.isTold('You are talking to Alice');
  await second.says('From the second tab');
  await first.seesAll(['From the first tab', 'Good morning.', 'From the second tab']);
  await alice.sees('From the second tab');
  await alice.says('I see both.');
  for (const tab of [first, second]) {
    await tab.seesAll(['From the first tab', 'Good morning.', 'From the second tab', 'I see both.']);
    await tab.ticked('From the second tab', 'read');
  }
  // What one tab has shown is not unread in another.
  await first.part('close').click();
  await alice.says('Are you there?');
  await second.sees('Are you there?');
  await first.page.getByRole('button', { name: 'Open chat', exact: true }).waitFor();
  await second.part('end').click();
  await first.open();
  await first.isTold('This chat has ended');
});
