// Which part of a text is an address: in the left column it is between ‹ and ›.

import { expect, test } from 'vitest';
import { linked } from '../src/view/text';

test.each([
  ['‹https://en.wikipedia.org/wiki/Couplet_(poetry)›'],
  ['(see ‹https://en.wikipedia.org/wiki/Couplet_(poetry)›)'],
  ['(‹https://en.wikipedia.org/wiki/Couplet_(poetry)›).'],
  ['(‹https://a.example/x›)'],
  ['[‹https://a.example/x›](‹https://a.example/y›)'],
  ['‹https://a.example/x_(a)_(b_(c))›, and'],
  ['‹https://a.example/x›('],
  ['‹https://a.example/x›(.'],
  ['‹http://[2001:db8::1]:8080/x›]'],
  ['‹https://a.example/?q[]=1&r[a]=2›'],
  ['看这里：‹https://a.example/x›。谢谢'],
  ['看‹https://a.example/x›，然后'],
  ['（‹https://a.example/x›）'],
  ['「‹https://a.example/x›」です'],
  ['『‹https://a.example/x›』【‹https://b.example›】'],
  ['‹https://ja.wikipedia.org/wiki/対句›、または'],
  ['‹https://zh.wikipedia.org/wiki/对联（诗）›。'],
  ['‹https://a.example/x›！‹https://b.example/y›？'],
  ['„‹https://a.example/x›“ und »‹https://b.example/y›«'],
  ["“‹https://a.example/x›” ‘‹https://b.example/y›’ '‹https://c.example/z›'"],
  ['"‹https://a.example/x›" `‹https://b.example/y›`'],
  ['<‹https://a.example/x›>'],
  ['‹https://a.example/x›…'],
  ['‹https://a.example/x›... ‹https://a.example/y›?!'],
  ['**‹https://a.example/x›**'],
  ['‹https://youtu.be/a-b_›'],
  ["‹https://a.example/it's›"],
  ['‹https://a.example/x;y=1›; ‹https://a.example/x,y›,'],
  ['‹HTTPS://A.example/X›'],
  ['xhttps://a.example'],
  ['https:// and https://. and https://。'],
  ['‹https://a.example›\u202Egpj.exe'],
  ['‹https://a.example/x›\u200Band'],
  ['هل رأيت ‹https://a.example/x›؟ نعم'],
  ['‹https://fa.wikipedia.org/wiki/می\u200cشود›'],
  ['javascript:alert(1) ftp://a.example'],
  ['‹https://a.example/a?b=c#d›\n‹https://b.example›'],
])('%s', (marked) => {
  const parts = linked(marked.replace(/[‹›]/g, ''));
  const again = parts.map((part) => (typeof part === 'string' ? part : `‹${part.textContent}›`));
  expect(again.join('')).toBe(marked);
});

test('a long run of brackets is handled quickly', () => {
  const started = performance.now();
  linked(`https://a.example/${'('.repeat(8_000)} ${'https://)'.repeat(1_000)}`);
  expect(performance.now() - started).toBeLessThan(2_000);
});
