// Compiled, not run: what `require` gives.
import evenkeel = require('evenkeel');
import { doh } from 'evenkeel/doh';
import { createBalancer, init } from 'evenkeel/slim';
import { steering } from 'evenkeel/steering';

init(new Uint8Array());
const lb: evenkeel.LoadBalancer = createBalancer({ endpoints: doh('_api._tcp.example.com', { resolver: 'https://dns.example' }) });
const drop: typeof fetch = lb.fetch;
const source: evenkeel.Source = steering('https://steering.example', { pathways: { a: 'https://a.example' } });

export = { drop, source };
