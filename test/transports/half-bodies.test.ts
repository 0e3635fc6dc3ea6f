/** Half a body, and then nothing, at the endpoints of a program with its own server. */
import { createServer, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { oauthRoutes } from '../../adapters/http/koa.ts';
import { testGate } from '../../adapters/testing/testing.ts';
import { tokenRoute } from '../../adapters/websocket/ws.ts';
import { listening } from './listening.ts';

const servers: Record<string, () => RequestListener> = {
  'the OAuth routes of a Koa app': () => new Koa().use(oauthRoutes(testGate(), { bodyTimeout: 1 })).callback(),
  'the token route of a plain server': () => tokenRoute(testGate(), { bodyTimeout: 1 }),
};

describe('Half a body gets 408', () => {
  for (const [name, listener] of Object.entries(servers)) {
    it(name, async function () {
      this.timeout(20_000);
      const server = await listening(createServer(listener()));
      const socket = connect(server.port, '127.0.0.1');
      socket.write('POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf');
      let text = '';
      for await (const piece of socket) text += String(piece);
      expect(text).to.match(/^HTTP\/1.1 408 /);
      expect(text).to.match(/^connection: close\r$/im);
      expect(JSON.parse(/\{.*\}/.exec(text)![0])).to.deep.equal({
        error: 'invalid_request',
        error_description: 'The body did not arrive in time',
      });
      await server.close();
    });
  }
});
