// The same, where others than JavaScript read bodies: Workers, Deno, Bun, service workers. There the response is a new one.
globalThis.EdgeRuntime = 'as if';
await import('./body.test.mjs');
