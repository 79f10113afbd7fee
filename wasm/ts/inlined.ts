/**
 * The bytes of a module from the text it is inlined as: each character is a code, but 126 and 127 say that one follows which could not
 * stand alone. `swaps` are pairs of codes, each of which stands for the other.
 */
export function bytes(text: string, swaps: readonly number[]): Uint8Array<ArrayBuffer> {
  const meanings = Array.from({ length: 256 }, (_, code) => code);
  for (let at = 0; at < swaps.length; at += 2) [meanings[swaps[at]!], meanings[swaps[at + 1]!]] = [swaps[at + 1]!, swaps[at]!];
  const module = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (code > 125) code = (code === 126 ? 128 : 0) + text.charCodeAt(++at);
    module[length++] = meanings[code]!;
  }
  return module.slice(0, length);
}
