// Next's middleware on the edge: what matches is fetched from the origin that does best.
import { createBalancer } from 'evenkeel';

const lb = createBalancer({ endpoints: (process.env.ORIGINS ?? 'https://a.example https://b.example').split(' ') });

export const config = { matcher: '/api/:path*' };

export async function middleware(request) {
  return lb.fetch(request);
}
