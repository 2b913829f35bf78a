// A person who chats, on either side: what both do alike, each with the means of their own page.

import { until } from './until.mjs';

export const start = (text) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** A subclass has `says(text)`, `texts()`, and `act(text, action)`, which uses a message's menu. */
export class Person {
  constructor(page) {
    this.page = page;
  }

  async sees(text) {
    const who = this.constructor.name.toLowerCase();
    await until(`the ${who} sees “${start(text)}”`, async () => (await this.texts()).includes(text));
  }

  async corrects(text, better) {
    await this.act(text, 'edit');
    await this.says(better);
  }

  async replies(to, text) {
    await this.act(to, 'reply');
    await this.says(text);
  }
}
