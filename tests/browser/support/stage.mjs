// A gateway for one test: its link, its database, its tenant and agents, and the demo's site.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, LOGS, ROOT, register, takeDomain, xmppServer } from './servers.mjs';
import { until } from './until.mjs';

const couplet = join(ROOT, 'target/debug/couplet');
const converse = join(ROOT, 'deploy/demo/node_modules/converse.js/dist');

export const TENANT = 'demo';
export const PASSWORD = 'secret';

export class Stage {
  /**
   * Ready for customers, with one of the XMPP servers (`on`). `agents` maps names to the options of
   * `couplet agent add`; pages of `origins` may embed the widget.
   */
  static async open({ agents, queues = [], origins = [], plainNames = false, on = 'prosody' }) {
    for (const needed of [couplet, converse]) {
      if (!existsSync(needed)) throw new Error(`${needed} is missing: tests/run.sh builds and installs it`);
    }
    const stage = new Stage();
    stage.on = on;
    stage.server = xmppServer(on);
    stage.domain = takeDomain(stage.server);
    stage.folder = mkdtempSync(join(tmpdir(), 'couplet-browser-'));
    stage.port = await freePort();
    stage.url = `http://localhost:${stage.port}`;
    // Accounts belong to this stage alone, whatever else runs at the same time.
    stage.account = (agent) => (plainNames ? agent : `${agent}-${stage.domain.unique}`);
    // Kept for those who look into a failure.
    mkdirSync(LOGS, { recursive: true });
    stage.log = join(LOGS, `gateway-of-${basename(process.argv[1], '.mjs')}-${on}.log`);
    rmSync(stage.log, { force: true });
    stage.#assembleSite();
    stage.#configure();
    await stage.couplet('migrate');
    const allowed = [stage.url, ...origins].flatMap((origin) => ['--origin', origin]);
    await stage.couplet(
      'tenant',
      'add',
      TENANT,
      '--name',
      'Halyard',
      '--link',
      stage.domain.name,
      ...allowed,
    );
    for (const [key, name] of queues)
      await stage.couplet('queue', 'add', '--tenant', TENANT, key, '--name', name);
    for (const [agent, ...terms] of agents) await stage.#hire(agent, terms);
    await stage.start();
    return stage;
  }

  /** Creates an agent with an account; they are available once logged in. */
  async #hire(agent, terms) {
    await register(this.server, this.account(agent), PASSWORD);
    const name = agent[0].toUpperCase() + agent.slice(1);
    await this.couplet('agent', 'add', '--tenant', TENANT, this.jid(agent), '--name', name, ...terms);
  }

  jid(agent) {
    return `${this.account(agent)}@${this.server.host}`;
  }

  /** The same files as the demo's, see deploy/demo.sh. */
  #assembleSite() {
    const site = join(this.folder, 'site');
    cpSync(join(ROOT, 'deploy/demo/site'), site, { recursive: true });
    symlinkSync(converse, join(site, 'converse'));
    const agent = {
      websocket: `ws://localhost:${this.server.http}/xmpp-websocket`,
      domain: this.server.host,
    };
    writeFileSync(join(site, 'agent.json'), JSON.stringify(agent));
  }

  #configure() {
    const text = JSON.stringify;
    this.config = join(this.folder, 'couplet.toml');
    writeFileSync(
      this.config,
      `[http]
listen = "127.0.0.1:${this.port}"
public_url = ${text(this.url)}
site = ${text(join(this.folder, 'site'))}
[admin]
listen = "127.0.0.1:0"
[database]
url = ${text(`sqlite://${join(this.folder, 'couplet.db')}?mode=rwc`)}
[cache]
url = "memory://"
[files]
url = ${text(`file:${join(this.folder, 'files')}`)}
[[links]]
domain = ${text(this.domain.name)}
server = "127.0.0.1:${this.server.component}"
secret = ${text(this.server.secret)}
agent_hosts = [${text(this.server.host)}]
upload_hosts = [${text(`http://${this.server.host}:${this.server.http}`)}]
`,
    );
  }

  /** Runs the operator's command-line tool. */
  async couplet(...words) {
    const { stdout } = await promisify(execFile)(couplet, [...words, '--config', this.config]);
    return stdout;
  }

  async start() {
    const log = openSync(this.log, 'a');
    this.gateway = spawn(couplet, ['serve', '--config', this.config], { stdio: ['ignore', log, log] });
    await until(`the gateway is ready (${this.log})`, async () => {
      if (this.gateway.exitCode !== null) throw new Error(`the gateway ended: ${this.log}`);
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      return answer?.ok;
    });
  }

  /** Kills the gateway without a shutdown. */
  async kill() {
    await this.#end('SIGKILL');
  }

  async #end(signal) {
    if (this.gateway.exitCode !== null || this.gateway.signalCode !== null) return;
    const ended = once(this.gateway, 'exit');
    this.gateway.kill(signal);
    await ended;
  }

  /** Every message of every conversation, oldest first, as exported by the operator's tool. */
  async transcript() {
    return JSON.parse(await this.couplet('transcript', 'export', '--tenant', TENANT, '--format', 'json'));
  }

  async close() {
    await this.#end('SIGTERM');
    this.domain.giveBack();
    rmSync(this.folder, { recursive: true });
  }
}
