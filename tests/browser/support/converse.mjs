// The agent: a stock Converse.js on the demo's page, used as a person would.

import { Person } from './person.mjs';
import { PASSWORD } from './stage.mjs';

export class Agent extends Person {
  /** Logs in at the agent's page; the desk then knows the agent to be there. */
  static async login(visitors, stage, name) {
    const agent = new Agent(await visitors.page());
    await agent.page.goto(`${stage.url}/agent?jid=${stage.jid(name)}`);
    await agent.page.locator('input[name="password"]').fill(PASSWORD);
    await agent.page.locator('input[name="password"]').press('Enter');
    // The desk is the first contact, and online once it has seen the agent come.
    const desk = agent.page.locator('converse-roster [data-jid^="demo@"]');
    await desk.waitFor();
    if (stage.on === 'ejabberd') await agent.#agrees();
    else await agent.page.locator('converse-roster .online [data-jid^="demo@"]').waitFor();
    return agent;
  }

  /** Where the gateway may not write contact lists: the desk asks once, and the agent agrees. */
  async #agrees() {
    await this.page.locator('converse-roster [data-group="Contact requests"] .contact-actions button').click();
    await this.page.locator('converse-roster .accept-xmpp-request').click();
    await this.page.locator('.modal.show button[type="submit"]').click();
  }

  /** Opens the chat that has news; answers the address of its customer. */
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

  /** Strikes the keys one after another, and sends nothing. */
  async types(text) {
    await this.#composer().pressSequentially(text);
  }

  texts() {
    return this.chat.locator('.chat-msg__text').allTextContents();
  }

  /** Each file goes up to the XMPP server, and its link into the chat. */
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

  /** Under the messages: who is typing. */
  async isNotified(words) {
    await this.chat.locator('.chat-content__notifications', { hasText: words }).waitFor();
  }

  /** The tick that says that Couplet has stored it. */
  async ticked(text) {
    const words = this.page.locator('.chat-msg__text', { hasText: text });
    await this.chat.locator('.chat-msg', { has: words }).locator('.chat-msg__receipt').waitFor();
  }

  /** One's own message, marked as not delivered. */
  async isRefused(text) {
    const words = this.page.locator('.chat-msg__text', { hasText: text });
    await this.chat.locator('.chat-msg', { has: words }).locator('.chat-msg__error').waitFor();
  }
}
