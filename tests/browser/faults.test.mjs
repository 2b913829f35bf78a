// A customer's message is kept and delivered exactly once, whatever fails on the way.

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

/** The messages in the database of the conversation that began with `first`. */
async function stored(first) {
  const conversations = await stage.transcript();
  const texts = conversations.map(({ entries }) => entries.flatMap(({ text }) => text ?? []));
  return texts.find(([text]) => text === first);
}

/** What the agent's client shows of both sides, without notices. */
const spoken = async () => (await alice.texts()).filter((text) => !text.startsWith('⚙'));

test('without a network messages are kept, and sent once when it is back', async () => {
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

  // Again, and the page is closed before the network is back: the next page sends the message.
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

test('a gateway that is killed and restarted neither loses nor repeats a message', async () => {
  const customer = await talking('Before the fall', 'Good morning.');
  // The gateway dies before or after it has stored the message, before or after it has sent the
  // ack.
  await customer.says('Upon the fall');
  await stage.kill();
  await customer.isTold('No connection. Trying again');
  await customer.says('While you were gone, one');
  await customer.says('While you were gone, two');
  await customer.ticked('While you were gone, two', 'sending');
  // The agent's client shows at once that this message was not delivered.
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
  // The undelivered message keeps its place: before or after the message sent at the crash.
  deepEqual(
    (await spoken()).filter((text) => text !== 'Said to nobody'),
    [...before, ...after],
  );
  deepEqual(await stored('Before the fall'), [...before, ...after]);
});
