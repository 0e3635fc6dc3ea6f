/** The service behind what is measured: responds to every request with the same 100 bytes, as cheaply as Node can. */
import { createServer } from 'node:net';

const body = 'x'.repeat(100);
const response = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    rest += chunk;
    let end = rest.indexOf('\r\n\r\n');
    let responses = '';
    while (end >= 0) {
      responses += response;
      rest = rest.slice(end + 4);
      end = rest.indexOf('\r\n\r\n');
    }
    if (responses !== '') socket.write(responses, 'latin1');
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));
