// The agent: a stock Converse.js on the demo's page, used as a person would.

import { Person } from './person.mjs';
import { PASSWORD } from './stage.mjs';

export class Agent extends Person {
  /** Logs in at the agent's page, and waits until the desk knows that the agent is there. */
  static async login(visitors, stage, name) {
    const agent = new Agent(await visitors.page());
    await agent.page.goto(`${stage.url}/agent?jid=${stage.jid(name)}`);
    await agent.page.locator('input[name="password"]').fill(PASSWORD);
    await agent.page.locator('input[name="password"]').press('Enter');
    // The desk is the first contact; it is online once it has received the agent's presence.
    const desk = agent.page.locator('converse-roster [data-jid^="demo@"]');
    await desk.waitFor();
    if (stage.on === 'ejabberd') await agent.#agrees();
    else await agent.page.locator('converse-roster .online [data-jid^="demo@"]').waitFor();
    return agent;
  }

  /**
   * Where the gateway may not write rosters, the desk requests a subscription, and the agent
   * accepts it.
   */
  async #agrees() {
    await this.page.locator('converse-roster [data-group="Contact requests"] .contact-actions button').click();
    await this.page.locator('converse-roster .accept-xmpp-request').click();
    await this.page.locator('.modal.show button[type="submit"]').click();
  }

  /** Opens the chat with unread messages; returns its customer's address. */
  async takes() {
    const news = this.page.locator('[data-group="New messages"] a.open-chat').first();
    const jid = await news.getAttribute('data-jid');
    await news.click();
    this.chat = this.page.locator(`converse-chat[jid="${jid}"]`);
    await this.#composer().waitFor();
    return jid;
  }

  #composer() {
    return this.chat.locator('textarea.chat-textarea');
  }

  async says(text) {
    await this.#composer().fill(text);
    await this.#composer().press('Enter');
  }

  /** Types the text key by key, without sending it. */
  async types(text) {
    await this.#composer().pressSequentially(text);
  }

  texts() {
    return this.chat.locator('.chat-msg__text').allTextContents();
  }

  /** Uploads each file to the XMPP server; its link is sent in the chat. */
  async sendsFile(path) {
    await this.chat.locator('input.fileupload').setInputFiles(path);
  }

  message(text) {
    const words = this.page.locator('.chat-msg__text', { hasText: text });
    return this.chat.locator('converse-chat-message', { has: words });
  }

  async act(text, action) {
    const message = this.message(text);
    await message.hover();
    await message.locator('.chat-msg__actions button.dropdown-toggle').click();
    await message.locator(`.chat-msg__action-${action}`).click();
  }

  async takesBack(text) {
    await this.act(text, 'retract');
    await this.page.locator('.modal.show button[type="submit"]').click();
  }

  /** The notification below the messages: who is typing. */
  async isNotified(words) {
    await this.chat.locator('.chat-content__notifications', { hasText: words }).waitFor();
  }

  /** The tick that shows that Couplet has stored the message. */
  async ticked(text) {
    const words = this.page.locator('.chat-msg__text', { hasText: text });
    await this.chat.locator('.chat-msg', { has: words }).locator('.chat-msg__receipt').waitFor();
  }

  /** An own message is marked as not delivered. */
  async isRefused(text) {
    const words = this.page.locator('.chat-msg__text', { hasText: text });
    await this.chat.locator('.chat-msg', { has: words }).locator('.chat-msg__error').waitFor();
  }
}
