/** Makes random numbers in 0..1 that follow from a seed (Mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes the stream of requests that both clients get: when the next one comes, and how much work it is (1 on average). */
export function stream(seed, perSecond) {
  const next = random(seed);
  const exponential = () => -Math.log(1 - next());
  let at = 0;
  return () => {
    at += (exponential() * 1000) / perSecond;
    return { at, work: 0.6 + 0.4 * exponential() };
  };
}
