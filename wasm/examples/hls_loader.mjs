// A loader for hls.js: segments and playlists come from the CDN that does best, and move on when one fails.
// `new Hls({ loader: hlsLoader(lb) })`, with `lb = createBalancer({ endpoints: [cdn1, cdn2] })`.

export function hlsLoader(lb) {
  return class {
    stats = { aborted: false, loaded: 0, total: 0, retry: 0, chunkCount: 0, bwEstimate: 0, loading: { start: 0, first: 0, end: 0 }, parsing: { start: 0, end: 0 }, buffering: { start: 0, first: 0, end: 0 } };
    #controller = new AbortController();

    async load(context, { loadPolicy, timeout }, callbacks) {
      this.context = context;
      const { stats } = this;
      stats.loading.start = performance.now();
      const headers = new Headers(context.headers);
      if (context.rangeEnd) headers.set('range', `bytes=${context.rangeStart ?? 0}-${context.rangeEnd - 1}`);
      try {
        const timeoutMs = loadPolicy?.maxLoadTimeMs ?? timeout ?? 20_000;
        const response = await lb.fetch(context.url, { headers, signal: this.#controller.signal, timeoutMs });
        stats.loading.first = performance.now();
        stats.retry = lb.attempts(response).length - 1;
        if (!response.ok) return callbacks.onError({ code: response.status, text: response.statusText }, context, response, stats);
        const data = context.responseType === 'arraybuffer' ? await response.arrayBuffer() : await response.text();
        stats.loading.end = performance.now();
        stats.loaded = stats.total = data.byteLength ?? data.length;
        callbacks.onSuccess({ url: response.url, data, code: response.status }, stats, context, response);
      } catch (error) {
        if (stats.aborted) return;
        if (error.code === 'deadline' || error.name === 'TimeoutError') callbacks.onTimeout(stats, context, null);
        else callbacks.onError({ code: 0, text: error.message }, context, null, stats);
      }
    }

    abort() {
      this.stats.aborted = true;
      this.#controller.abort();
    }

    destroy() {
      this.abort();
    }
  };
}
