/**
 * The bytes of a module from the text it is inlined as: a byte a character.
 *
 * A script that is no module and has no charset is read as windows-1252 by browsers of most languages; its characters are then twice
 * as many as they were, which is found out and undone.
 */
export function bytes(text: string, length: number): Uint8Array<ArrayBuffer> {
  const right = text.length === length ? text : read(text);
  if (right.length !== length) throw new Error('evenkeel was loaded in another charset than UTF-8: say <meta charset="utf-8">');
  return Uint8Array.from(right, (char) => char.charCodeAt(0));
}

/** What UTF-8 says that was read as windows-1252. */
function read(text: string): string {
  const decoder = new TextDecoder('windows-1252');
  const codes = new Map(Array.from({ length: 256 }, (_, byte) => [decoder.decode(Uint8Array.of(byte)), byte]));
  return new TextDecoder().decode(Uint8Array.from(text, (char) => codes.get(char) ?? 0));
}
