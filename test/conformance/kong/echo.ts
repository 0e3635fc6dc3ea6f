/** The upstream of the recordings: responds with a JSON description of the request; /status/NNN responds with NNN. */
import { createServer, type Server } from 'node:http';

export function echoServer(): Server {
  return createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const headers = req.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [[name, all[at + 1]]] : []));
      const seen = { method: req.method, url: req.url, headers, body: Buffer.concat(chunks).toString('utf8') };
      const body = JSON.stringify(seen);
      const [, status] = /^\/status\/(\d{3})/.exec(req.url!) ?? [];
      res.writeHead(Number(status ?? 200), {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-echo': '1',
      });
      res.end(req.method === 'HEAD' ? undefined : body);
    });
  });
}
