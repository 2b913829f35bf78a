// Writes src/protocol.ts, the types of the socket's frames, from the gateway's schema:
//
//     npm run protocol
//
// A test holds the one to the other.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';

const HEADER = `// The frames of \`couplet.v1\`, from docs/protocol.schema.json by \`npm run protocol\`: not to be changed
// by hand.
`;
const SCHEMA = '../docs/protocol.schema.json';
const TARGET = 'src/protocol.ts';

export async function protocol() {
  const { $defs } = plain(JSON.parse(readFileSync(SCHEMA, 'utf8')));
  const all = { $defs, type: 'object', properties: {}, additionalProperties: false };
  const types = await compile(all, 'Nothing', {
    additionalProperties: false,
    bannerComment: HEADER,
    unreachableDefinitions: true,
    style: { printWidth: 110, singleQuote: true },
  });
  return types
    .replace(/\n \*\n \* This interface was referenced by .*\n.*/g, '')
    .replace('\nexport interface Nothing {}', '');
}

/**
 * The schema as the compiler understands it: a reference with more beside it says both, and what is
 * left out is never said to be null, though the gateway would take that.
 */
function plain(part) {
  if (Array.isArray(part)) return part.map(plain);
  if (typeof part !== 'object' || part === null) return part;
  const said = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, plain(value)]));
  if (Array.isArray(said.type)) [said.type] = said.type.filter((type) => type !== 'null');
  if (Array.isArray(said.anyOf)) {
    const { anyOf, ...rest } = said;
    const some = anyOf.filter(({ type }) => type !== 'null');
    return some.length === 1 ? { ...some[0], ...rest } : { anyOf: some, ...rest };
  }
  const { $ref, ...rest } = said;
  return $ref && rest.properties ? { allOf: [{ $ref }, rest] } : said;
}

if (import.meta.url === `file://${process.argv[1]}`) writeFileSync(TARGET, await protocol());
