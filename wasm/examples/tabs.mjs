// What one tab learned, all know: states go between tabs by a BroadcastChannel, and over restarts by localStorage.

/** Keeps `lb` and those of other tabs alike, now and then; returns how to end that. */
export function share(lb, { channel = new BroadcastChannel('evenkeel'), storage = globalThis.localStorage, everyMs = 5000 } = {}) {
  lb.restore(storage?.getItem('evenkeel') ?? '');
  // What is newer here stays.
  channel.onmessage = ({ data }) => lb.restore(data);
  const tell = () => {
    const state = lb.state();
    channel.postMessage(state);
    storage?.setItem('evenkeel', state);
  };
  const stop = lb.on('eject', tell);
  const timer = setInterval(tell, everyMs);
  return () => {
    stop();
    clearInterval(timer);
    channel.close();
  };
}
