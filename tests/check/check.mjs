// One scripted conversation through real servers: a customer at the shipped widget (or, without a
// browser, on the bare socket), the agent alice on a real XMPP login. Prints what each side saw;
// exits 0 if both saw all of it and the transcript holds it, else 1 with the reason.
//
//   node check.mjs --url http://localhost:8080 --c2s 127.0.0.1:5222
//     --tenant demo  --agent alice@localhost  --mode auto|browser|socket
//     --transcript 'COMMAND'   prints the transcript as JSON; without it, it is not read
// The agent's password is in the environment, ALICE_PASSWORD.

import { execFile } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { existsSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import { client, xml } from '@xmpp/client';
import { WebSocket } from 'ws';

// Debian 12's Node 18 keeps it out of the globals, where the XMPP client looks for it.
globalThis.crypto ??= webcrypto;

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://localhost:8080' },
    c2s: { type: 'string', default: '127.0.0.1:5222' },
    tenant: { type: 'string', default: 'demo' },
    agent: { type: 'string', default: 'alice@localhost' },
    mode: { type: 'string', default: 'auto' },
    transcript: { type: 'string' },
  },
});
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const patience = 20_000;

const QUESTION = `Hello, do the notebooks lie flat? <3 & ünïcödé 🙂 (${Date.now()})`;
const ANSWER = 'They do, all three sizes. Shall I put one aside for you?';
const THANKS = 'Yes please, the middle one.';

const started = Date.now();
function line(who, text) {
  const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(`${seconds} s  ${who.padEnd(9)} ${text}`);
}

/** Events that happened, and the waits for one that matches. */
class Happenings {
  #seen = [];
  #waiting = new Set();

  add(thing) {
    this.#seen.push(thing);
    for (const check of this.#waiting) check(thing);
  }

  /** The first event that matches, past or future. */
  wait(what, matches) {
    const found = this.#seen.find(matches);
    if (found) return found;
    return new Promise((resolve, reject) => {
      const check = (thing) => {
        if (!matches(thing)) return;
        done();
        resolve(thing);
      };
      const fail = () => {
        done();
        const last = this.#seen.slice(-3).map(String).join('\n  ');
        reject(new Error(`${what}: did not happen within ${patience / 1000} s. The last events:\n  ${last}`));
      };
      const timer = setTimeout(fail, patience);
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
    });
  }
}

/** The agent: a plain XMPP client that sends receipts and markers, as common clients do. */
class Agent {
  #heard = new Happenings();

  async login() {
    const [username, domain] = options.agent.split('@');
    const name = `${username.toUpperCase()}_PASSWORD`;
    const password = process.env[name];
    if (!password) throw new Error(`${name} is not in the environment`);
    // A private server's certificate is self-signed.
    if (/^(127\.|localhost:)/.test(options.c2s)) {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      process.removeAllListeners('warning');
    }
    this.xmpp = client({ service: `xmpp://${options.c2s}`, domain, username, password, resource: 'check' });
    this.xmpp.reconnect.stop();
    this.xmpp.on('error', (error) => this.#heard.add(Object.assign(error, { failed: true })));
    this.xmpp.on('stanza', (stanza) => this.#hear(stanza));
    await within('the agent logs in', this.xmpp.start());
    await this.xmpp.send(xml('presence'));
  }

  async #hear(stanza) {
    this.#heard.add(stanza);
    const id = stanza.attrs.id;
    // Where the server does not let the gateway write rosters, the desk requests a subscription;
    // people accept it.
    if (stanza.is('presence') && stanza.attrs.type === 'subscribe') {
      await this.xmpp.send(xml('presence', { to: stanza.attrs.from, type: 'subscribed' }));
    }
    if (stanza.is('message') && id && stanza.getChild('request', 'urn:xmpp:receipts')) {
      await this.#say(stanza.attrs.from, xml('received', { xmlns: 'urn:xmpp:receipts', id }));
      if (stanza.getChildText('body'))
        await this.#say(stanza.attrs.from, xml('displayed', { xmlns: 'urn:xmpp:chat-markers:0', id }));
    }
  }

  async #say(to, ...children) {
    const id = `check-${Math.random().toString(36).slice(2)}`;
    await this.xmpp.send(xml('message', { to, id, type: 'chat' }, ...children));
    return id;
  }

  async sees(text) {
    const message = await this.#heard.wait(
      `the agent sees “${text}”`,
      (s) => s.is?.('message') && s.attrs.type !== 'error' && s.getChildText('body') === text,
    );
    const from = message.attrs.from.split('/')[0];
    line('alice', `sees, from ${from}: ${text}`);
    return from;
  }

  async answers(to, text) {
    await this.#say(to, xml('composing', { xmlns: 'http://jabber.org/protocol/chatstates' }));
    const request = xml('request', { xmlns: 'urn:xmpp:receipts' });
    const id = await this.#say(to, xml('body', {}, text), request);
    line('alice', `says: ${text}`);
    await this.#heard.wait('the agent gets the receipt: stored', (s) => {
      if (s.is?.('message') && s.attrs.type === 'error' && s.attrs.id === id) throw new Error(`refused: ${s}`);
      return s.getChild?.('received', 'urn:xmpp:receipts')?.attrs.id === id;
    });
    line('alice', 'sees ✓ (stored)');
  }

  async leave() {
    await this.xmpp?.stop().catch(() => {});
  }
}

/** A customer at the widget in a headless browser. */
class Browser {
  name = 'browser';

  async open() {
    const playwright = await import('playwright-core');
    this.browser = await playwright.chromium.launch({
      executablePath: chromium,
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    });
    const page = await this.browser.newPage();
    page.setDefaultTimeout(patience);
    const errors = [];
    page.on('pageerror', (error) => errors.push(error));
    this.errors = errors;
    const home = await fetch(`${options.url}/`);
    if (!home.ok || !(await home.text()).includes('couplet.js')) {
      // A gateway without a site of its own: a page of ours, on the same origin.
      const body = `<!doctype html><title>A shop</title><script async src="/couplet.js" data-tenant="${options.tenant}"></script>`;
      await page.route(`${options.url}/`, (route) => route.fulfill({ contentType: 'text/html', body }));
    }
    await page.goto(`${options.url}/`);
    this.widget = page.locator('couplet-chat');
    await this.#part('launcher').click();
    await this.#part('composer').waitFor();
  }

  #part(name) {
    return this.widget.locator(`[data-part="${name}"]`);
  }

  #message(from, text) {
    const bubble = this.widget.page().locator('[data-part="text"]', { hasText: text });
    return this.widget.locator(`[data-part="message"][data-from="${from}"]`, { has: bubble });
  }

  async says(text) {
    await this.#part('composer').fill(text);
    await this.#part('send').click();
  }

  async sees(text) {
    await this.#message('agent', text).waitFor();
  }

  /** Waits until the ticks show that the agent's client has the message; returns their state. */
  async confirmed(text) {
    const message = this.#message('customer', text);
    const ticked = message.and(this.widget.locator('[data-state="delivered"], [data-state="read"]'));
    await ticked.waitFor();
    return ticked.getAttribute('data-state');
  }

  async leave() {
    await this.browser?.close();
    if (this.errors?.length) throw new Error(`the page reported: ${this.errors[0]}`);
  }
}

/** A customer on the bare socket. */
class Socket {
  name = 'socket';
  #heard = new Happenings();
  #acks = new Map();

  async open() {
    const address = `${options.url.replace(/^http/, 'ws')}/v1/${options.tenant}/ws`;
    this.socket = new WebSocket(address, 'couplet.v1', { origin: options.url });
    this.socket.on('message', (data) => {
      const frame = JSON.parse(data);
      frame.toString = () => String(data);
      this.#heard.add(frame);
    });
    await within('the socket opens', new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('error', reject);
    }));
    this.#send({ type: 'hello' });
    await this.#heard.wait('welcome', (frame) => frame.type === 'welcome');
  }

  #send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  async says(text) {
    const id = `check-${this.#acks.size}`;
    this.#send({ type: 'message', id, text });
    const ack = await this.#heard.wait(`ack of “${text}”`, (f) => f.type === 'ack' && f.id === id);
    this.#acks.set(text, ack);
  }

  async sees(text) {
    await this.#heard.wait(
      `the customer sees “${text}”`,
      (f) => f.type === 'entry' && f.kind === 'message' && f.from.kind === 'agent' && f.text === text,
    );
  }

  async confirmed(text) {
    const { seq } = this.#acks.get(text);
    const receipt = await this.#heard.wait(
      `the agent's confirmation of “${text}”`,
      (f) => f.type === 'receipt' && Math.max(f.delivered ?? 0, f.read ?? 0) >= seq,
    );
    return (receipt.read ?? 0) >= seq ? 'read' : 'delivered';
  }

  async leave() {
    this.socket?.close();
  }
}

async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${patience / 1000} s`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Checks that the three messages are in the transcript in their order, whatever its exact form. */
async function readTranscript(command) {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { maxBuffer: 64 << 20 });
  const texts = [];
  const collect = (value) => {
    if (typeof value === 'string') texts.push(value);
    else if (value && typeof value === 'object') Object.values(value).forEach(collect);
  };
  for (const document of documents(stdout)) collect(document);
  let at = texts.indexOf(QUESTION);
  for (const text of [QUESTION, ANSWER, THANKS]) {
    at = at < 0 ? at : texts.indexOf(text, at);
    if (at < 0) throw new Error(`the transcript does not hold “${text}” where it should`);
  }
}

/** One JSON document, or one per line. */
function documents(text) {
  try {
    return [JSON.parse(text)];
  } catch {
    return text.split('\n').filter(Boolean).map((row) => JSON.parse(row));
  }
}

const agent = new Agent();
const inBrowser = options.mode === 'browser' || (options.mode === 'auto' && existsSync(chromium));
const customer = inBrowser ? new Browser() : new Socket();

async function play() {
  await agent.login();
  line('alice', `logs in as ${options.agent}, available`);
  await customer.open();
  line('customer', customer.name === 'browser' ? 'opens the chat in a browser' : 'opens the socket');

  await customer.says(QUESTION);
  line('customer', `says: ${QUESTION}`);
  const chat = await agent.sees(QUESTION);
  line('customer', `sees ✓✓ (${await customer.confirmed(QUESTION)}) under it`);

  await agent.answers(chat, ANSWER);
  await customer.sees(ANSWER);
  line('customer', `sees: ${ANSWER}`);

  await customer.says(THANKS);
  line('customer', `says: ${THANKS}`);
  await agent.sees(THANKS);
  line('customer', `sees ✓✓ (${await customer.confirmed(THANKS)}) under it`);

  if (options.transcript) {
    await readTranscript(options.transcript);
    line('database', 'the transcript holds all three lines, in order');
  }
}

let failure;
try {
  await play();
} catch (error) {
  failure = error;
}
for (const side of [customer, agent]) {
  await side.leave().catch((error) => {
    failure ??= error;
  });
}
console.log(failure ? `check: FAILED. ${failure.message}` : 'check: both sides saw everything.');
process.exit(failure ? 1 : 0);
