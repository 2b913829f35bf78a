// The customer: the shipped widget on a page, used as a person would.

import { deepEqual } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { Person, start } from './person.mjs';
import { until } from './until.mjs';

export class Customer extends Person {
  constructor(page) {
    super(page);
    this.status = this.part('status');
    this.composer = this.part('composer');
  }

  /** A new person (a context of their own), or with `context` another tab of the same one. */
  static async arrive(visitors, url, { context, ...options } = {}) {
    const customer = new Customer(await visitors.page({ context, ...options }));
    await customer.page.goto(url);
    return customer;
  }

  part(name) {
    return this.page.locator(`couplet-chat [data-part="${name}"]`);
  }

  async open() {
    await this.part('launcher').click();
    await this.composer.waitFor();
  }

  /** Reloads the page: a chat that was open is open again. */
  async reloads() {
    await this.page.reload();
    await this.composer.waitFor();
  }

  /** Enters the text at once, and sends it. */
  async says(text) {
    await this.composer.fill(text);
    await this.part('send').click();
  }

  /** All messages, in the order on screen. */
  texts() {
    return this.part('text').allTextContents();
  }

  /** Waits until the log has exactly these messages, once each, in this order. */
  async seesAll(wanted) {
    let seen = [];
    const isWhole = async () => {
      seen = await this.texts();
      return isDeepStrictEqual(seen, wanted);
    };
    await until('the log is whole', isWhole).catch(() => deepEqual(seen.map(start), wanted.map(start)));
  }

  message(text) {
    const words = this.page.locator('[data-part="text"]', { hasText: text });
    return this.page.locator('couplet-chat [data-part="message"]', { has: words });
  }

  async act(text, action) {
    const message = this.message(text);
    await message.hover();
    await message.locator('[data-part="more"]').click();
    await message.locator(`[data-part="${action}"]`).click();
  }

  async takesBack(text) {
    await this.act(text, 'remove');
    await this.message(text).locator('[data-part="remove"]').click();
  }

  async isTold(words) {
    await this.status.getByText(words).waitFor();
  }

  /** Three dots to be seen, text for screen readers. */
  async isShownTyping(words) {
    await this.part('typing').waitFor();
    await this.part('typing').getByText(words).waitFor({ state: 'attached' });
  }

  /** A note between the messages. */
  async isNoted(words) {
    await this.page.locator('couplet-chat .note', { hasText: words }).waitFor();
  }

  /** Waits until an own message has the state: `sending sent delivered read`. */
  async ticked(text, state) {
    const words = this.page.locator('[data-part="text"]', { hasText: text });
    await this.page
      .locator(`couplet-chat [data-part="message"][data-state="${state}"]`, { has: words })
      .waitFor();
  }
}
