// Rolls up the types that tsc wrote, a file for each module, into one for each entry: what an entry exports, and what that is made of.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** The text of each entry's types. What the first of them exports, the others take from it. */
export function roll(folder, entries) {
  const modules = new Map();
  const load = (file) => {
    if (!modules.has(file)) modules.set(file, parse(readFileSync(join(folder, file), 'utf8'), file));
    return modules.get(file);
  };
  const [first, ...rest] = entries;
  const all = surface(load, `${first}.d.ts`);
  const texts = [[first, write(load, all, new Map())]];
  const there = new Map([...all].map(([name, symbol]) => [id(symbol), name]));
  for (const entry of rest) texts.push([entry, write(load, surface(load, `${entry}.d.ts`), there, first)]);
  return texts;
}

/** What a module exports: names, and the modules and names that they are declared in and by. */
function surface(load, file) {
  const { exported, stars } = load(file);
  const names = new Map();
  for (const star of stars) for (const [name, symbol] of surface(load, star)) names.set(name, symbol);
  for (const [name, local] of exported) names.set(name, declared(load, file, local));
  return names;
}

/** What stands between JavaScript and the module: nobody outside is to know its types. */
const INNER = 'glue.d.ts';

/** Where a name is declared that a module has: here, or in a module that it is imported from. */
function declared(load, file, name) {
  const { declarations, imported } = load(file);
  if (declarations.has(name)) return { file, name };
  const from = imported.get(name);
  if (!from) return undefined;
  if (from.file === INNER) return { file: INNER, name: 'unknown' };
  const symbol = surface(load, from.file).get(from.name);
  if (!symbol) throw new Error(`${file} imports ${from.name}, which ${from.file} does not export`);
  return symbol;
}

const id = ({ file, name }) => `${file} ${name}`;

/** Writes what is exported, what that needs, and what of it `there` has already, in the entry `base`. */
function write(load, exports, there, base) {
  const [needed, names, taken] = [new Map(), new Map(), new Map()];
  const need = (symbol, wanted) => {
    if (names.has(id(symbol))) return;
    if (symbol.file === INNER) return void names.set(id(symbol), symbol.name);
    // Two modules may have the same name for two things.
    let name = there.get(id(symbol)) ?? wanted;
    while (taken.has(name)) name += '_';
    taken.set(name, symbol);
    names.set(id(symbol), name);
    if (there.has(id(symbol))) return;
    needed.set(id(symbol), symbol);
    const { declarations } = load(symbol.file);
    for (const word of words(declarations.get(symbol.name))) {
      const other = word === symbol.name ? undefined : declared(load, symbol.file, word);
      if (other) need(other, word);
    }
  };
  for (const [name, symbol] of exports) need(symbol, name === symbol.name ? name : symbol.name);
  const text = [];
  const borrowed = [...names].filter(([key]) => there.has(key)).map(([, name]) => name);
  if (borrowed.length > 0) text.push(`import { ${borrowed.sort().join(', ')} } from './${base}.cjs';`);
  for (const symbol of needed.values()) {
    const { declarations } = load(symbol.file);
    const renamed = replace(declarations.get(symbol.name), (word) => {
      const other = word === symbol.name ? symbol : declared(load, symbol.file, word);
      return other ? names.get(id(other)) : word;
    });
    text.push(renamed);
  }
  const list = [...exports].map(([name, symbol]) => [names.get(id(symbol)), name]).map(([own, name]) => (own === name ? name : `${own} as ${name}`));
  return `${text.join('\n')}\nexport { ${list.sort().join(', ')} };\n`;
}

/** Takes a module apart: what it declares by name, what it imports and exports. */
function parse(text, file) {
  const [declarations, imported, exported, stars] = [new Map(), new Map(), new Map(), []];
  const path = (from) => posix.join(posix.dirname(file), from.replace(/\.js$/, '.d.ts'));
  const list = (names) => names.split(',').map((name) => /^\s*(?:type\s+)?(\w+)(?:\s+as\s+(\w+))?\s*$/.exec(name)).filter(Boolean).map(([, name, as = name]) => [name, as]);
  for (const statement of statements(text)) {
    const code = statement.replace(/^(\s*\/\*.*?\*\/|\s*\/\/.*?\n)*\s*/s, '');
    let match;
    if ((match = /^import\s+(?:type\s+)?\{(.*?)\}\s+from\s+'(.*?)'/s.exec(code))) {
      for (const [name, as] of list(match[1])) imported.set(as, { file: path(match[2]), name });
    } else if ((match = /^export\s+\*\s+from\s+'(.*?)'/.exec(code))) stars.push(path(match[1]));
    else if ((match = /^export\s+(?:type\s+)?\{(.*?)\}\s+from\s+'(.*?)'/s.exec(code))) {
      for (const [name, as] of list(match[1])) {
        exported.set(as, ` ${as}`);
        imported.set(` ${as}`, { file: path(match[2]), name });
      }
    } else if ((match = /^export\s+\{(.*?)\}/s.exec(code))) for (const [name, as] of list(match[1])) exported.set(as, name);
    else if ((match = /^(export\s+)?(declare\s+)?(?:abstract\s+)?(const|let|class|function|interface|type)\s+(\w+)/.exec(code))) {
      const [, open, declare, kind, name] = match;
      const bare = code.slice((open ?? '').length);
      const own = declare || kind === 'interface' || kind === 'type' ? bare : `declare ${bare}`;
      const before = statement.slice(0, statement.length - code.length).trim();
      const parts = [declarations.get(name), before, own].filter(Boolean);
      declarations.set(name, parts.join('\n'));
      if (open) exported.set(name, name);
    } else if (code.trim() !== '') throw new Error(`${file}: what is ${JSON.stringify(code.slice(0, 60))}?`);
  }
  return { declarations, imported, exported, stars };
}

/** Comments, texts, words, and any other character. */
const TOKENS = /\/\*.*?\*\/|\/\/[^\n]*|'[^'\n]*'|"[^"\n]*"|`[^`]*`|#?[A-Za-z_$][\w$]*|./gs;

/** The statements of a module, with the comments before each. */
function statements(text) {
  const found = [];
  let [statement, depth] = ['', 0];
  for (const [token] of text.matchAll(TOKENS)) {
    statement += token;
    if (token === '{' || token === '(' || token === '[') depth++;
    if (token === '}' || token === ')' || token === ']') depth--;
    const block = /^(?:\s*\/\*.*?\*\/)*\s*(?:export\s+)?(?:declare\s+)?(?:abstract\s+)?(?:class|interface)\s/s;
    if (depth > 0 || !(token === ';' || (token === '}' && block.test(statement)))) continue;
    found.push(statement);
    statement = '';
  }
  return [...found, statement];
}

const isWord = (token) => /^[A-Za-z_$]/.test(token);

/** The words of a declaration that may be names of types: no members, and nothing in comments and texts. */
function words(text) {
  const found = new Set();
  replace(text, (word) => (found.add(word), word));
  return found;
}

function replace(text, change) {
  let before = '';
  const tokens = [...text.matchAll(TOKENS)].map(([token]) => token);
  return tokens.map((token, index) => {
    const member = before === '.' || /^\s*\??\s*[:(]/.test(tokens.slice(index + 1, index + 6).join('')) && /^[a-z_$]/.test(token);
    if (token.trim() !== '') before = token;
    return isWord(token) && !member ? change(token) : token;
  }).join('');
}
