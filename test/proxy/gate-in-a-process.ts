/** A gate in a separate process, for a test that measures its memory. argv: the port of the upstream. */
import { openProxy } from '../../adapters/proxy/open-proxy.ts';
import { matched, plainService } from './world.ts';

const service = { ...plainService, port: Number(process.argv[2]) };
const proxy = await openProxy({
  listen: [{ host: '127.0.0.1', port: 0, ssl: false, http2: false }],
  snapshot: () => ({ match: (request) => matched(request, service) }),
  serveEndpoint: () => {},
  failed: () => {},
});
let most = 0;
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 5).unref();
process.on('message', () => {
  process.send!({ now: process.memoryUsage.rss(), most });
  most = 0;
});
process.on('disconnect', () => process.exit());
process.send!({ port: proxy.addresses[0]!.port });
