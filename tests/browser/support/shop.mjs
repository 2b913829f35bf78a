// A business's own web server, on another origin than the gateway: the pages that embed the widget.

import { once } from 'node:events';
import { createServer } from 'node:http';

export class Shop {
  #pages = new Map();

  static async open() {
    const shop = new Shop();
    shop.server = createServer((request, response) => shop.#answer(request, response));
    shop.server.listen(0, '127.0.0.1');
    await once(shop.server, 'listening');
    shop.url = `http://localhost:${shop.server.address().port}`;
    return shop;
  }

  /**
   * Publishes a page; returns its address. `attributes` are the script tag's, `style` the host's
   * own.
   */
  page(path, { gateway, attributes = '', style = '', policy }) {
    const body = `<!doctype html><html lang="en"><meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1"><title>A shop</title>
      ${style && `<style>${style}</style>`}
      <h1>A shop</h1><p>Some words of its own, <a href="#there">a link</a>, <button>a button</button>.</p>
      <script async src="${gateway}/couplet.js" data-tenant="demo" ${attributes}></script></html>`;
    const headers = { 'content-type': 'text/html; charset=utf-8' };
    if (policy) headers['content-security-policy'] = policy;
    this.#pages.set(path, { body, headers });
    return this.url + path;
  }

  #answer(request, response) {
    const page = this.#pages.get(request.url);
    response.writeHead(page ? 200 : 404, page?.headers).end(page?.body);
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
