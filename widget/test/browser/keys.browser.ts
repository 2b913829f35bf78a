// Keys and focus on pages that want them for themselves: shortcuts, focus traps, modal dialogs.

import { expect, test } from 'vitest';
import { inBoth } from './both';
import { until } from './stage';

const script = (text: string) => `<script nonce="n">${text}</script>`;
const field = '<input id="field">';

/** Pages that do not see the field inside a shadow host, and treat letters as shortcuts. */
const SHORTCUTS = script(`window.pressed = [];
  for (const [on, capture] of [[document, false], [window, false], [document, true]])
    for (const name of ['keydown', 'keypress', 'keyup', 'beforeinput'])
      on.addEventListener(name, (event) => {
        if (event.target.matches?.('input, textarea')) return;
        pressed.push(event.key);
        if (event.key !== 'Tab') event.preventDefault();
      }, capture);`);

/** The ways in which dialog libraries trap the focus. */
const TRAPS = {
  'a focusin handler': `document.addEventListener('focusin', ({ target }) => {
    if (!trap.contains(target)) field.focus(); }, true);`,
  'a focus handler in capture': `document.addEventListener('focus', (event) => {
    if (!trap.contains(event.target)) { event.stopImmediatePropagation(); field.focus(); } }, true);`,
  'a focusout handler': `document.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !trap.contains(relatedTarget)) field.focus(); });`,
  'presses and clicks refused': `for (const name of ['pointerdown', 'mousedown', 'click'])
    document.addEventListener(name, (event) => {
      if (trap.contains(event.target)) return;
      event.preventDefault();
      event.stopImmediatePropagation(); }, true);`,
};

inBoth((both) => {
  const said = () => both.gateway.of('message').map(({ text }) => text);

  const holds = (claim: string) => until(async () => (await both.page.evaluate(claim)) === true);

  test('the Enter that ends a composition sends nothing, its Escape closes nothing', async () => {
    await both.open();
    await both.page.keyboard.type('half a sen');
    for (const key of ['Enter', 'Escape']) {
      await both.page.evaluate((key) => {
        const composer = document.querySelector('couplet-chat')?.shadowRoot?.activeElement;
        // As Safari sends it, and others with some input methods: after the end of the composition.
        const traits = {
          key,
          keyCode: 229,
          isComposing: false,
          bubbles: true,
          cancelable: true,
          composed: true,
        };
        composer?.dispatchEvent(new KeyboardEvent('keydown', traits));
      }, key);
    }
    expect(await both.value()).toBe('half a sen');
    expect(await both.focused()).toBe('composer');
    await both.page.keyboard.type('tence');
    await both.keys('Enter');
    await until(() => said().length === 1);
    expect(said()).toEqual(['half a sentence']);
  });

  test('typing in the panel triggers no shortcut of the page', async () => {
    const { page } = both;
    both.host('/', { head: SHORTCUTS, body: field });
    await both.open();
    await page.keyboard.type('/s? g');
    await both.keys('ArrowLeft', 'Backspace');
    await page.keyboard.type('K!');
    expect(await both.value()).toBe('/s?K!g');
    expect(await page.evaluate('pressed')).toEqual([]);
    await both.keys('Enter');
    await until(() => said().length === 1);
    await both.keys('Tab');
    expect(await both.focused()).not.toBe('composer');
    expect(await page.evaluate('pressed')).toEqual([]);
    await both.keys('Escape');
    await until(async () => (await both.focused()) === 'launcher');
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await both.keys('s');
    expect(await page.evaluate('pressed.length')).toBeGreaterThan(0);
  });

  test.each(Object.entries(TRAPS))('a focus trap by %s is got out of', async (_, trap) => {
    const { page } = both;
    both.host('/', { body: `<div id="trap">${field}</div>` });
    await both.open();
    await page.evaluate(`field.focus(); ${trap}`);
    await both.part('composer').click();
    await until(async () => (await both.focused()) === 'composer');
    await page.keyboard.type('hello');
    expect(await both.value()).toBe('hello');
    await both.part('send').click();
    await until(() => said().length === 1);
    await both.part('emoji-button').click();
    await both.seen('emoji');
    await both.keys('Escape');
    await both.part('composer').click();
    await until(async () => (await both.focused()) === 'composer');
    await page.keyboard.type('again');
    await both.keys('Enter');
    await until(() => said().length === 2);
    expect(said()).toEqual(['hello', 'again']);
    // No action happened twice: one click, one toggle.
    await both.part('emoji-button').click();
    await both.seen('emoji');
    // The page's own field gets the focus back when the customer clicks it.
    await page.click('#field');
    await page.keyboard.type('x');
    expect(await page.evaluate('field.value')).toBe('x');
  });

  const DIALOG = `<style nonce="n">dialog { transform: scale(0.9); overflow: hidden; width: 200px; }</style>
    <dialog id="dialog">${field}</dialog>`;
  const policy = { policy: "style-src 'nonce-n'" };

  test('in a modal dialog of the page the chat can be opened and written in', async () => {
    const { page } = both;
    both.host('/', { body: DIALOG, ...policy });
    await page.goto(both.gateway.url);
    await both.seen('launcher');
    await page.evaluate(`dialog.showModal();
      window.gone = 0; dialog.onclose = () => gone++;`);
    await both.part('launcher').click();
    await both.seen('composer');
    await page.evaluate(`dialog.onclick = ({ clientX }) => {
      if (clientX > dialog.getBoundingClientRect().right) dialog.close(); }`);
    await both.part('composer').click();
    await page.keyboard.type('from in here');
    const box = await page.evaluate(() => {
      const panel = document.querySelector('couplet-chat')?.shadowRoot?.querySelector('.panel');
      return panel?.getBoundingClientRect().right;
    });
    expect(box).toBe(1280 - 96);
    await both.keys('Enter');
    await until(() => said().length === 1);
    await page.keyboard.type('a draft');
    await both.keys('Escape');
    await until(async () => (await both.focused()) === 'launcher');
    expect(await page.evaluate('[dialog.open, gone]')).toEqual([true, 0]);
    await both.part('launcher').click();
    await page.evaluate('dialog.close()');
    await holds("document.querySelector('couplet-chat').parentNode === document.body");
    await both.part('composer').click();
    await page.keyboard.type(' goes on');
    expect(await both.value()).toBe('a draft goes on');
  });

  test('dialogs opened over the panel, nested, and removed', async () => {
    const { page } = both;
    both.host('/', { body: `${DIALOG}<dialog id="first"><p>First</p></dialog>`, ...policy });
    await both.open();
    await page.keyboard.type('a');
    await page.evaluate('first.showModal(); dialog.showModal();');
    await both.part('composer').click();
    await page.keyboard.type('b');
    await page.evaluate('dialog.close()');
    await holds("first.contains(document.querySelector('couplet-chat'))");
    await both.part('composer').click();
    await page.keyboard.type('c');
    await page.evaluate('first.remove()');
    await holds("document.querySelector('couplet-chat')?.parentNode === document.body");
    await both.part('composer').click();
    await page.keyboard.type('d');
    expect(await both.value()).toBe('abcd');
    expect(await page.evaluate("document.querySelector('couplet-chat').matches(':popover-open')")).toBe(
      false,
    );
  });

  test('a dialog that was open before the script, one in a component, and one by inertness alone', async () => {
    const { page } = both;
    both.host('/', {
      body: `${DIALOG}<div id="component"></div>${script('dialog.showModal()')}`,
      policy: '',
    });
    await both.open();
    await page.keyboard.type('a');
    await page.evaluate(`dialog.close();
      component.attachShadow({ mode: 'open' }).innerHTML = '<dialog><button>A</button></dialog>';
      component.shadowRoot.firstChild.showModal();`);
    await holds('!!component.shadowRoot.querySelector("couplet-chat")');
    await page.evaluate('component.shadowRoot.firstChild.close()');
    await holds("document.querySelector('couplet-chat')?.parentNode === document.body");
    await page.evaluate(
      `for (const one of document.body.children) { one.inert = true; one.ariaHidden = 'true'; }`,
    );
    await holds("!document.querySelector('couplet-chat').inert");
    await both.part('composer').click();
    await page.keyboard.type('b');
    expect(await both.value()).toBe('ab');
    expect(await page.evaluate("document.querySelector('couplet-chat').ariaHidden")).toBe(null);
  });
});
