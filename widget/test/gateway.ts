// A gateway for tests: the customer's socket protocol, one process, all in memory.
//
// It does what the widget expects of the gateway and nothing more: no XMPP, no database. Tests act
// as the agent through it, and break the connection as a network would.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: frames from a client under test are of any shape
type Frame = Record<string, any>;

interface Conversation {
  id: string;
  session: Session;
  state: 'waiting' | 'active' | 'closed';
  agent?: { name: string };
  log: Frame[];
  delivered: number;
  read: number;
}

/** The entry that a command adds to the log. */
const LINES: Record<string, (frame: Frame, log: Frame[]) => Frame> = {
  message: ({ id, text, reply_to }) => ({ kind: 'message', id, text, reply_to }),
  edit: ({ target, text }, log) => ({ kind: 'edit', target: seqOf(log, target), text }),
  retract: ({ target }, log) => ({ kind: 'retract', target: seqOf(log, target) }),
  react: ({ target, emoji }) => ({ kind: 'reaction', target, text: emoji }),
  choice: ({ id, of, value }, log) => ({ kind: 'choice', id, reply_to: of, text: label(log, of, value) }),
};
const label = (log: Frame[], of: number, value: string) =>
  log[of - 1]?.buttons?.find((button: Frame) => button.value === value)?.label ?? value;
const seqOf = (log: Frame[], target: string) => log.find(({ id }) => id === target)?.seq;
const COMMANDS = [...Object.keys(LINES), 'start', 'end', 'rate'];

interface Session {
  token: string;
  customer: string;
  acks: Map<string, Frame>;
}

interface Peer {
  ws: WebSocket;
  session?: Session;
}

export interface Page {
  body: string | Buffer;
  type?: string;
  headers?: Record<string, string>;
}

export class Gateway {
  config: Frame = { tenant: 'demo', name: 'Demo shop', color: null, locale: 'en', online: true };
  /** The HTTP status with which `config` and upgrades are refused. */
  refuse = 0;
  /** Errors with which the next durable commands are refused. */
  errors: Frame[] = [];
  /** Commands are stored, but their acks get lost. */
  loseAcks = false;
  fileBytes = 1000;
  /** The HTTP status with which uploads are refused. */
  refuseFiles = 0;
  /** Uploads are received but never get a response. */
  stallFiles = false;
  files: Frame[] = [];
  /** Bodies and tokens of uploads, as received. */
  uploads: { body: string; token: string }[] = [];
  welcomeLimit = 100;
  /** Queues that do not exist. */
  unknownQueues: string[] = [];
  /** The commands that were accepted. */
  taken: Frame[] = [];
  /** How often a socket was closed because a frame was too large. */
  tooLarge = 0;
  /** Every frame received, in order. */
  heard: Frame[] = [];
  /** Every request received, as `GET /path`. */
  requests: string[] = [];
  /**
   * Decides what happens to a frame, in either direction; without it each arrives once, at once.
   */
  weather?: () => { lost?: boolean; doubled?: boolean; late?: number };
  pages = new Map<string, Page>();
  conversations: Conversation[] = [];
  url = '';
  private sessions = new Map<string, Session>();
  private peers = new Set<Peer>();
  private server: Server;
  private count = 0;
  private road = Promise.resolve();

  constructor() {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'couplet.v1' });
    this.server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      this.requests.push(`${request.method} ${path}`);
      if (path.endsWith('/files')) return void this.upload(request, response);
      const isConfig = path.endsWith('/config');
      const page = isConfig
        ? { body: JSON.stringify(this.config), type: 'application/json' }
        : this.pages.get(path);
      const status = isConfig && this.refuse ? this.refuse : page ? 200 : 404;
      response.writeHead(status, {
        'content-type': page?.type ?? 'text/html; charset=utf-8',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        ...page?.headers,
      });
      response.end(page?.body);
    });
    this.server.on('upgrade', (request: IncomingMessage, socket, head) => {
      if (this.refuse) return socket.end(`HTTP/1.1 ${this.refuse} Refused\r\n\r\n`);
      sockets.handleUpgrade(request, socket, head, (ws) => this.accept(ws));
    });
  }

  private async upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'authorization',
      'content-type': 'application/json',
    };
    if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end();
    let body = '';
    for await (const chunk of request) body += chunk;
    const token = request.headers.authorization ?? '';
    this.uploads.push({ body, token });
    if (this.stallFiles) return;
    if (this.refuseFiles) return void response.writeHead(this.refuseFiles, headers).end('{}');
    const id = `f${this.files.length + 1}`;
    const name = /filename="([^"]*)"/.exec(body)?.[1] ?? '';
    const file = { id, name, type: 'text/plain', size: 5, url: `/v1/demo/files/${id}/${name}` };
    this.files.push(file);
    response.writeHead(201, headers).end(JSON.stringify(file));
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((done) => this.server.listen(port, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** Ends every connection, as a network failure would. */
  cut(code?: number): void {
    for (const { ws } of this.peers) code ? ws.close(code) : ws.terminate();
  }

  /** Sends a frame to every socket, outside of any conversation. */
  tell(frame: Frame): void {
    for (const peer of this.peers) this.send(peer, frame);
  }

  get sockets(): number {
    return [...this.peers].filter(({ session }) => session).length;
  }

  of(type: string): Frame[] {
    return this.heard.filter((frame) => frame.type === type);
  }

  get current(): Conversation {
    const conversation = this.conversations[this.conversations.length - 1];
    if (!conversation) throw new Error('no conversation yet');
    return conversation;
  }

  forgetSessions(): void {
    this.sessions.clear();
  }

  join(name: string): void {
    const conversation = this.current;
    conversation.agent = { name };
    conversation.state = 'active';
    this.append(conversation, { kind: 'joined', from: { kind: 'agent', name } });
    this.state();
  }

  /** Sends the place in the queue; no place when nobody is online. */
  place(position?: number, eta_s?: number): void {
    this.state({ position, eta_s });
  }

  says(text: string, more: Frame = {}): void {
    const from = { kind: 'agent', name: this.current.agent?.name };
    this.append(this.current, { kind: 'message', from, text, id: `agent-${this.count++}`, ...more });
  }

  types(on: boolean): void {
    this.toAll(this.current, { type: 'typing', on, name: this.current.agent?.name });
  }

  receipt(delivered: number, read: number): void {
    Object.assign(this.current, { delivered, read });
    this.toAll(this.current, { type: 'receipt', conversation: this.current.id, delivered, read });
  }

  closes(): void {
    this.shut(this.current);
  }

  private shut(conversation: Conversation): void {
    conversation.state = 'closed';
    this.append(conversation, { kind: 'closed', from: { kind: 'system' } });
    this.toAll(conversation, { type: 'state', conversation: conversation.id, state: 'closed' });
  }

  private state(more: Frame = {}): void {
    const { id, state, agent } = this.current;
    this.toAll(this.current, { type: 'state', conversation: id, state, agent, ...more });
  }

  private accept(ws: WebSocket): void {
    const peer: Peer = { ws };
    this.peers.add(peer);
    ws.on('close', () => this.peers.delete(peer));
    ws.on('message', (data) => {
      if (String(data).length > 65_536) {
        this.tooLarge += 1;
        return ws.close(1009);
      }
      const frame: Frame = JSON.parse(String(data));
      this.carry(() => {
        this.heard.push(frame);
        this.handle(peer, frame);
      });
    });
  }

  /** Applies the weather: a frame may be lost, late or duplicated; none overtakes another. */
  private carry(deliver: () => void): void {
    if (!this.weather) return deliver();
    const { lost, doubled, late = 0 } = this.weather();
    if (lost) return;
    this.road = this.road.then(() => new Promise((done) => setTimeout(done, late)));
    void this.road.then(() => {
      deliver();
      if (doubled) deliver();
    });
  }

  private handle(peer: Peer, frame: Frame): void {
    if (frame.type === 'hello') return peer.session ? undefined : this.hello(peer, frame);
    const { session } = peer;
    if (!session) return peer.ws.close(1008);
    if (frame.type === 'ping') return this.send(peer, { type: 'pong' });
    if (frame.type === 'history') return this.history(peer, frame);
    if (!COMMANDS.includes(frame.type)) return;
    const error = this.errors.shift() ?? this.judge(frame);
    if (error) return this.send(peer, { type: 'error', for: frame.id, message: '', ...error });
    this.taken.push(frame);
    const done = session.acks.get(frame.id) ?? this.perform(peer, session, frame);
    session.acks.set(frame.id, done);
    if (!this.loseAcks) this.send(peer, done);
  }

  /** Refuses what the gateway refuses for its size or as unknown, see docs/protocol.md. */
  private judge({ type, text, queue, subject, answers, files }: Frame): Frame | undefined {
    const longer = (value: unknown, limit: number) => [...String(value ?? '')].length > limit;
    if (longer(text, 8000) || files?.length > 10) return { code: 'too_large' };
    if (type !== 'start') return undefined;
    if (this.unknownQueues.includes(queue)) return { code: 'unknown_queue' };
    const pairs = Object.entries(answers ?? {});
    if (pairs.some(([name]) => !name.trim())) return { code: 'bad_frame' };
    const isLarge =
      pairs.length > 32 || pairs.some(([name, answer]) => longer(name, 64) || longer(answer, 1000));
    return isLarge || longer(subject, 200) ? { code: 'too_large' } : undefined;
  }

  private perform(peer: Peer, session: Session, frame: Frame): Frame {
    if (frame.type === 'rate') {
      const rated = this.conversations.filter((c) => c.session === session).pop();
      return { type: 'ack', id: frame.id, conversation: rated?.id, at: Date.now() };
    }
    const conversation = this.open(session) ?? this.begin(session);
    const ack = { type: 'ack', id: frame.id, conversation: conversation.id, at: Date.now() };
    if (frame.type === 'end') this.shut(conversation);
    const line = LINES[frame.type]?.(frame, conversation.log);
    if (!line) return ack;
    const files = frame.files?.map((id: string) => this.files.find((file) => file.id === id));
    const entry = { ...line, ...(files && { files }), from: { kind: 'customer' } };
    return { ...ack, seq: this.append(conversation, entry, peer) };
  }

  private begin(session: Session): Conversation {
    const id = `c${this.conversations.length + 1}`;
    const conversation: Conversation = { id, session, state: 'waiting', log: [], delivered: 0, read: 0 };
    this.conversations.push(conversation);
    return conversation;
  }

  private open(session: Session): Conversation | undefined {
    return this.conversations.find((c) => c.session === session && c.state !== 'closed');
  }

  private hello(peer: Peer, frame: Frame): void {
    let session = this.sessions.get(frame.session);
    if (!session) {
      if (frame.session) this.send(peer, { type: 'error', code: 'unauthorized', message: 'unknown session' });
      this.count += 1;
      session = { token: `token-${this.count}`, customer: `customer-${this.count}`, acks: new Map() };
      this.sessions.set(session.token, session);
    }
    peer.session = session;
    const open = this.open(session);
    const known = this.conversations.find((c) => c.id === frame.conversation && c.session === session);
    const rest = known ? known.log.filter(({ seq }) => seq > frame.last_seq) : [];
    const whole = open && open !== known ? open.log : [];
    const all = [...rest, ...whole];
    this.send(peer, {
      type: 'welcome',
      session: { token: session.token, customer: session.customer, expires: Date.now() + 86_400_000 },
      conversation: open && { id: open.id, state: open.state, agent: open.agent, seq: open.log.length },
      entries: all.slice(0, this.welcomeLimit),
      more: all.length > this.welcomeLimit,
      receipt: open && { delivered: open.delivered, read: open.read },
      limits: { text_chars: 8000, file_bytes: this.fileBytes },
      now: Date.now(),
    });
    for (let at = this.welcomeLimit; at < all.length; at += this.welcomeLimit) {
      const entries = all.slice(at, at + this.welcomeLimit);
      this.send(peer, { type: 'entries', entries, more: at + this.welcomeLimit < all.length });
    }
  }

  private history(peer: Peer, frame: Frame): void {
    const log = this.conversations.find(({ id }) => id === frame.conversation)?.log ?? [];
    const older = log.filter(({ seq }) => seq < frame.before);
    const entries = older.slice(-frame.limit);
    const more = older.length > entries.length;
    this.send(peer, { type: 'entries', conversation: frame.conversation, entries, more, for: frame.id });
  }

  private append(conversation: Conversation, line: Frame, except?: Peer): number {
    const seq = conversation.log.length + 1;
    const entry = { conversation: conversation.id, seq, at: Date.now(), ...line };
    conversation.log.push(entry);
    this.toAll(conversation, { type: 'entry', ...entry }, except);
    return seq;
  }

  private toAll(conversation: Conversation, frame: Frame, except?: Peer): void {
    for (const peer of this.peers) {
      if (peer !== except && peer.session === conversation.session) this.send(peer, frame);
    }
  }

  private send(peer: Peer, frame: Frame): void {
    const text = JSON.stringify(frame);
    this.carry(() => peer.ws.send(text));
  }
}
