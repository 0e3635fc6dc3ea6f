/** What cannot be is an `InvalidOption` that names what is wrong, in every public function: never a bare TypeError, never silence. */
import { Server } from '@grpc/grpc-js';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { bearerInterceptor, bearerOf as bearerOfCall } from '../../adapters/grpc/grpc.ts';
import { bearer, bearerOf as bearerOfContext, oauthRoutes } from '../../adapters/http/koa.ts';
import { createGate, InvalidOption, memoryStore } from '../../adapters/library/portcullis.ts';
import { handClock, storageContract, testClient, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { bearerOf as bearerOfHandshake, guardUpgrade, tokenRoute } from '../../adapters/websocket/ws.ts';

const gate = testGate({ scopes: ['read'] });
const sockets = new WebSocketServer({ noServer: true });
const form = { grant_type: 'client_credentials', client_id: testClient.clientId };
const posted = () => new Request('https://a.example/token', { method: 'POST', body: new URLSearchParams(form) });

async function consumed(): Promise<Request> {
  const request = posted();
  await request.text();
  return request;
}
function locked(): Request {
  const request = posted();
  request.body?.getReader();
  return request;
}

/** A wrong value in the place of any type. */
const wrong = (value: unknown): never => value as never;

const calls: readonly (readonly [title: string, call: () => unknown, says: string])[] = [
  ['createGate(null)', () => createGate(wrong(null)), 'must be an object'],
  ['createGate with a client that is null', () => createGate({ clients: [wrong(null)] }), 'must be an object'],
  [
    'a redirect URI with a line break',
    () => createGate({ clients: [{ ...testClient, redirectUris: ['https://a.example/\r\ncb'] }] }),
    'control characters',
  ],
  [
    'a hash that no secret can match',
    () => createGate({ clients: [{ ...testClient, clientSecret: '$pbkdf2-sha512$i=10000000,l=32$c2FsdA$ZGlnZXN0' }] }),
    'PHC',
  ],
  ['memoryStore without a clock', () => memoryStore(wrong({})), 'now()'],

  ['check with scopes as a text', () => gate.check('a', { scopes: wrong('read') }), "['read']"],
  ['check with a misspelt requirement', () => gate.check('a', wrong({ scope: ['read'] })), 'did you mean scopes?'],
  ['check with null', () => gate.check('a', wrong(null)), 'must be an object'],
  ['check with a scope that is never issued', () => gate.check('a', { scopes: ['nope'] }), 'never issues'],
  ['check with an audience that cannot be', () => gate.check('a', { audience: 'two words' }), 'name of a service'],
  ['checkRequest(null)', () => gate.checkRequest(wrong(null)), 'must be an object'],
  ['checkRequest with a number as header', () => gate.checkRequest({ authorization: wrong(7) }), 'must be a string'],
  ['checkRequest with a list of others', () => gate.checkRequest({ authorization: [wrong(7)] }), 'must be a string'],
  ['checkRequest with a misspelt requirement', () => gate.checkRequest({}, wrong({ scope: [] })), 'scopes?'],
  ['requirement(undefined)', () => gate.requirement(wrong(undefined)), 'must be an object'],
  ['issuerFor(7)', () => gate.issuerFor(wrong(7)), 'name of a service'],

  ['exchange(null)', () => gate.exchange(wrong(null)), 'must be URLSearchParams or an object'],
  ['exchange(undefined)', () => gate.exchange(wrong(undefined)), 'must be URLSearchParams or an object'],
  ['exchange with a text', () => gate.exchange(wrong('grant_type=password')), 'must be URLSearchParams or an object'],
  ['exchange with pairs', () => gate.exchange(wrong([['grant_type', 'password']])), 'must be URLSearchParams'],
  ['exchange with FormData', () => gate.exchange(wrong(new FormData())), 'must be URLSearchParams or an object'],
  ['exchange with a Map', () => gate.exchange(wrong(new Map())), 'must be URLSearchParams or an object'],
  ['exchange with a consumed Request', async () => gate.exchange(await consumed()), 'was read before'],
  ['exchange with a Request that another reads', () => gate.exchange(locked()), 'was read before'],
  ['exchange with null as context', () => gate.exchange(form, wrong(null)), 'must be an object'],
  ['exchange with two headers', () => gate.exchange(form, { authorization: wrong(['a', 'b']) }), 'must be a string'],
  ['exchange with an address that is an object', () => gate.exchange(form, { from: wrong({}) }), 'must be a string'],
  ['exchange with secure as a text', () => gate.exchange(form, { secure: wrong('yes') }), 'true or false'],

  ['authorize without a consent', () => gate.authorize({}, wrong(undefined)), 'must be an object'],
  ['authorize with a misspelt consent', () => gate.authorize({}, wrong({ sub: 'alice' })), 'subject'],
  ['authorize(null)', () => gate.authorize(wrong(null), { subject: 'alice' }), 'must be URLSearchParams'],
  ['authorize with a Request', () => gate.authorize(wrong(posted()), { subject: 'alice' }), 'not the request itself'],
  ['authorize with null as context', () => gate.authorize({}, { subject: 'a' }, wrong(null)), 'must be an object'],

  ['revoke(undefined)', () => gate.revoke(wrong(undefined)), 'must be an object'],
  ['revoke(null)', () => gate.revoke(wrong(null)), 'must be an object'],
  ['revoke with a misspelt id', () => gate.revoke(wrong({ grantid: 'a' })), 'did you mean grantId?'],
  ['revoke with an id that is a number', () => gate.revoke({ grantId: wrong(7) }), 'id of a grant'],

  ['bearer(undefined)', () => bearer(wrong(undefined)), 'made with createGate'],
  ['bearer with null', () => bearer(gate, wrong(null)), 'must be an object'],
  ['bearer with a scope that is never issued', () => bearer(gate, { scopes: ['nope'] }), 'nope'],
  ['oauthRoutes(undefined)', () => oauthRoutes(wrong(undefined)), 'made with createGate'],
  ['oauthRoutes with null', () => oauthRoutes(gate, wrong(null)), 'must be an object'],

  ['tokenRoute(undefined)', () => tokenRoute(wrong(undefined)), 'made with createGate'],
  ['tokenRoute with null', () => tokenRoute(gate, wrong(null)), 'must be an object'],
  ['tokenRoute with onError as a text', () => tokenRoute(gate, { onError: wrong('warn') }), 'must be a function'],
  ['guardUpgrade(undefined)', () => guardUpgrade(wrong(undefined), { sockets }), 'made with createGate'],
  ['guardUpgrade without options', () => guardUpgrade(gate, wrong(undefined)), 'must be an object'],
  [
    'guardUpgrade with onError as a text',
    () => guardUpgrade(gate, { sockets, onError: wrong(1) }),
    'must be a function',
  ],
  [
    'guardUpgrade for no server',
    () => guardUpgrade(gate, { sockets: wrong({ handleUpgrade() {} }) }),
    'noServer: true',
  ],
  ['guardUpgrade with a scope that is never issued', () => guardUpgrade(gate, { sockets, scopes: ['nope'] }), 'nope'],

  ['bearerInterceptor(undefined)', () => bearerInterceptor(wrong(undefined)), 'made with createGate'],
  ['bearerInterceptor with null', () => bearerInterceptor(gate, wrong(null)), 'must be an object'],
  ['bearerInterceptor with onError as a text', () => bearerInterceptor(gate, { onError: wrong('a') }), 'a function'],
  ['bearerInterceptor with a scope that is never issued', () => bearerInterceptor(gate, { scopes: ['nope'] }), 'nope'],

  ['handClock of a text', () => handClock(wrong('noon')), 'must be a finite number'],
  ['a clock that passes NaN seconds', () => handClock().pass(Number.NaN), 'must be a finite number'],
  ['a clock that is turned to undefined', () => handClock().turn(wrong(undefined)), 'must be a finite number'],
  ['testGate(null)', () => testGate(wrong(null)), 'must be an object'],
  ['testGate with clients that are no list', () => testGate({ clients: wrong(null) }), 'must be a list'],
  ['tokenFor(undefined)', () => tokenFor(wrong(undefined)), 'made with createGate'],
  ['tokenFor with null', () => tokenFor(gate, wrong(null)), 'must be an object'],
  ['tokenFor of an unknown client', () => tokenFor(gate, { client: 'unknown' }), 'unknown'],
  ['storageContract of nothing', () => storageContract('mine', {}), 'codes, grants or entities'],
  ['storageContract of null', () => storageContract('mine', wrong(null)), 'must be an object'],
];

describe('A call that cannot be meant', () => {
  for (const [title, call, says] of calls) {
    it(`${title}: InvalidOption`, async () => {
      let thrown: unknown;
      try {
        await call();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).to.be.instanceOf(InvalidOption);
      expect(String(thrown)).to.include(says);
    });
  }

  it('bearerOf explains what is missing, whatever it receives', () => {
    for (const call of [undefined, null, {}]) {
      expect(() => bearerOfCall(wrong(call))).to.throw('did not pass bearerInterceptor');
      expect(() => bearerOfContext(wrong(call))).to.throw('did not pass the bearer middleware');
      expect(() => bearerOfHandshake(wrong(call))).to.throw('did not pass guardUpgrade');
    }
  });
});

describe('A scope that the gate cannot know', () => {
  it('passes for another audience, and where another gate issues the tokens of a shared store', () => {
    expect(() => bearer(gate, { scopes: ['nope'], audience: 'billing' })).not.to.throw();
    const checksOnly = createGate({ store: memoryStore(), audience: 'orders' });
    expect(() => bearer(checksOnly, { scopes: ['read'] })).not.to.throw();
    expect(() => new Server({ interceptors: [bearerInterceptor(checksOnly, { scopes: ['read'] })] })).not.to.throw();
  });

  it('is an error of the handler for scopes that are computed for each call', async () => {
    let asked = 0;
    const perMethod = () => {
      asked++;
      return ['nope'];
    };
    expect(() => bearerInterceptor(gate, { scopes: perMethod })).not.to.throw();
    expect(asked).to.equal(0);
  });
});
