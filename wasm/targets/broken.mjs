// What becomes of connections that are refused and of answers that break: the same in Node and in browsers, whatever their words for it.

/** Plays each case over a bad server and a good one: what the caller saw, how often each was sent something (browsers repeat by themselves what is reset), and what is held against the bad one. */
export async function play({ createBalancer }, { bad, good, down, deaf }) {
  const whole = (response) => response.text();
  const stream = async (response) => {
    const reader = response.body.getReader();
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return `${length} bytes`;
      length += value.length;
    }
  };
  const held = async (response) => {
    const reader = response.body.getReader();
    await reader.read();
    // Only now it breaks: its reader has something of it.
    await fetch(`${bad}/break-off`);
    for (;;) if ((await reader.read()).done) return 'all of it';
  };
  const words = {};
  const results = {};
  for (const [name, first, path, init, read, call] of [
    ['a body that breaks', bad, '/broken', {}, whole],
    ['a body that breaks, without a length', bad, '/chunked', {}, whole],
    ['a body that breaks, of a POST', bad, '/broken', { method: 'POST', body: 'x' }, whole],
    ['a body that breaks, of a POST, as a stream', bad, '/broken', { method: 'POST', body: 'x' }, stream],
    ['a body that breaks while it is read', bad, '/held', {}, held],
    ['a body that breaks, of a call', bad, '/broken', {}, whole, true],
    ['a body that breaks, of a call, as a stream', bad, '/broken', {}, stream, true],
    ['reset before the head', bad, '/reset', {}, whole],
    ['reset before the head, of a POST', bad, '/reset', { method: 'POST', body: 'x' }, whole],
    ['refused', down, '/', {}, whole],
    ['an answer that says nothing of origins', deaf, '/', {}, whole],
    ['a body that was given up', bad, '/held', { mine: true }, whole, true],
  ]) {
    const sent = [0, 0];
    const counted = (url, init) => (sent[url.startsWith(good) ? 1 : 0]++, fetch(url, init));
    let [seen, leave] = [];
    const lb = createBalancer({ endpoints: [{ url: first }, { url: good, priority: 1 }], eject: false, hedge: false, fetch: counted });
    const { mine, ...rest } = init;
    try {
      const caller = new AbortController();
      const send = ({ url, signal }) => counted(url + path, { signal: mine ? AbortSignal.any([signal, caller.signal]) : signal });
      const response = await (call ? lb.call(send) : lb.fetch(path, rest));
      if (mine) leave = setTimeout(() => caller.abort(new Error('mine')), 50);
      seen = await read(response);
    } catch (error) {
      // Its own words, and those of what it was caused by.
      words[name] = [error, error.cause].filter(Boolean).map(({ name, message }) => `${name}: ${message}`).join(' < ');
      seen = error.name === 'LbError' ? error.code : 'an error';
    }
    clearTimeout(leave);
    const { failures, inFlight } = lb.endpoints().find(({ url }) => url === first);
    results[name] = { seen, sent, failures, inFlight };
  }
  return { results, words };
}
