// What a customer wrote is kept and said once, whatever breaks in between.

import { deepEqual } from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Agent } from './support/converse.mjs';
import { Stage } from './support/stage.mjs';
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

/** The messages of the conversation that began so, as they are in the database. */
async function stored(first) {
  const conversations = await stage.transcript();
  const texts = conversations.map(({ entries }) => entries.flatMap(({ text }) => text ?? []));
  return texts.find(([text]) => text === first);
}

/** What the agent's client shows of both sides, without the desk's lines. */
const spoken = async () => (await alice.texts()).filter((text) => !text.startsWith('⚙'));

test('without a network words are kept, and said once when it is back', async () => {
  const customer = await talking('Before the tunnel', 'Good morning.');
  const network = customer.page.context();
  await network.setOffline(true);
  await customer.isTold('No connection. Trying again');
  await customer.says('In the tunnel');
  await customer.ticked('In the tunnel', 'sending');
  await alice.says('Said to somebody in a tunnel');
  await alice.ticked('Said to somebody in a tunnel');
  await network.setOffline(false);
  await alice.sees('In the tunnel');
  await customer.isTold('You are talking to Alice');
  const said = ['Before the tunnel', 'Good morning.', 'Said to somebody in a tunnel', 'In the tunnel'];
  await customer.seesAll(said);

  // Once more, and the page is closed before the network is back: the next page says it.
  await network.setOffline(true);
  await customer.isTold('No connection. Trying again');
  await customer.says('In a longer tunnel');
  await customer.ticked('In a longer tunnel', 'sending');
  await customer.page.close();
  await network.setOffline(false);
  const back = await Customer.arrive(visitors, stage.url, { context: network });
  await alice.sees('In a longer tunnel');
  await back.open();
  await back.seesAll([...said, 'In a longer tunnel']);
  deepEqual(await spoken(), [...said, 'In a longer tunnel']);
  deepEqual(await stored(said[0]), [...said, 'In a longer tunnel']);
});

test('a gateway killed in the middle and started again loses nothing and says nothing twice', async () => {
  const customer = await talking('Before the fall', 'Good morning.');
  // It dies before or after it has stored this, before or after it has said so.
  await customer.says('Upon the fall');
  await stage.kill();
  await customer.isTold('No connection. Trying again');
  await customer.says('While you were gone, one');
  await customer.says('While you were gone, two');
  await customer.ticked('While you were gone, two', 'sending');
  // The agent's client says at once that this has not arrived.
  await alice.says('Said to nobody');
  await alice.isRefused('Said to nobody');

  await stage.start();
  await customer.ticked('While you were gone, two', 'read');
  await alice.sees('While you were gone, two');
  await alice.says('I have it all.');
  const before = ['Before the fall', 'Good morning.', 'Upon the fall'];
  const after = ['While you were gone, one', 'While you were gone, two', 'I have it all.'];
  await customer.seesAll([...before, ...after]);
  await customer.isTold('You are talking to Alice');
  await alice.ticked('I have it all.');
  // What was said to nobody stands where it was said: before or after what came upon the fall.
  deepEqual(
    (await spoken()).filter((text) => text !== 'Said to nobody'),
    [...before, ...after],
  );
  deepEqual(await stored('Before the fall'), [...before, ...after]);
});
