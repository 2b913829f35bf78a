// The servers of this run (tests/servers.sh), and what a test uses of them: a component domain and
// agents' accounts of its own.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Logs, for those who look into a failure. */
export const LOGS = join(ROOT, 'target/run');
const DOMAINS = 200;

/** One of the XMPP servers: `prosody` or `ejabberd`. */
export function xmppServer(kind) {
  const file = process.env.COUPLET_TEST_SERVERS;
  if (!file)
    throw new Error('COUPLET_TEST_SERVERS must name servers.json: run tests/run.sh, or tests/servers.sh start');
  return JSON.parse(readFileSync(file, 'utf8'))[kind];
}

/**
 * A privileged component domain for exclusive use until it is released; see
 * tests/it/support/domain.rs.
 */
export function takeDomain(server) {
  const locks = join(tmpdir(), 'couplet-test-domains');
  mkdirSync(locks, { recursive: true });
  for (let n = 0; n < DOMAINS; n += 1) {
    const unique = `c${String((n + process.pid) % DOMAINS).padStart(3, '0')}`;
    const name = `${unique}.${server.host}`;
    const lock = join(locks, `${server.component}-${name}`);
    try {
      closeSync(openSync(lock, 'wx'));
    } catch (error) {
      if (error.code === 'EEXIST') continue;
      throw error;
    }
    return { name, unique, giveBack: () => rmSync(lock, { force: true }) };
  }
  throw new Error(`no domain is free: remove ${locks} if no test is running`);
}

/** Registers an account in band (XEP-0077), unless it exists. */
export async function register(server, username, password) {
  const socket = connect(server.c2s, '127.0.0.1');
  socket.setTimeout(10_000, () => socket.destroy(new Error('the XMPP server does not respond')));
  const head =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " +
    `to='${server.host}' version='1.0'>`;
  const query =
    "<iq type='set' id='r'><query xmlns='jabber:iq:register'>" +
    `<username>${username}</username><password>${password}</password></query></iq>`;
  socket.write(head);
  let heard = '';
  let asked = false;
  for await (const chunk of socket) {
    heard += chunk;
    if (!asked && heard.includes('</stream:features>')) {
      asked = true;
      socket.write(query);
    }
    const answer = /<iq[^>]*id=['"]r['"][^>]*>/.exec(heard)?.[0];
    if (!answer) continue;
    if (/type=['"]result['"]/.test(answer) || heard.includes('<conflict')) return;
    if (heard.includes('</iq>')) break;
  }
  throw new Error(`${username} was not registered: ${heard}`);
}

/** A free port below the ephemeral range, so that no outgoing connection can take it. */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
