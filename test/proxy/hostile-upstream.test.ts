/**
 * Upstreams that send wrong bytes. Whatever they send, a client gets a well-formed response to its own request, or a
 * truncated one, or a 502; never the bytes of another response.
 */
import type { Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  ask,
  type Client,
  client,
  closesEverything,
  eventually,
  get,
  ok,
  openGate,
  scriptedUpstream,
} from './world.ts';

const poison = 'HTTP/1.1 200 OK\r\nX-Call: other\r\nContent-Length: 6\r\n\r\npoison';

/** What an upstream does with one request. */
interface Plan {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  readonly interim: string;
  readonly framing: 'length' | 'chunks' | 'end' | '204' | '304';
  readonly fault: keyof typeof faults;
  /** Where the response is cut into pieces, as shares of its length. Each piece arrives in another turn. */
  readonly cuts: readonly number[];
}

/** The head of the plan's response, and its body as it should be. */
interface Response {
  head: string;
  body: string;
  /** Comes with the last piece, and belongs to no request. */
  after: string;
  /** Comes when the next request arrives on the same connection, before its response: there must be no next request. */
  late: string;
  then: 'keep' | 'fin' | 'reset';
}

const faults = {
  none: () => {},
  'another response after it': (response) => {
    response.after = poison;
    response.late = poison;
  },
  'an interim response after it': (response) => {
    response.after = 'HTTP/1.1 100 Continue\r\n\r\n';
    response.late = poison;
  },
  'bytes after it': (response) => {
    response.after = 'poison';
    response.late = poison;
  },
  'the end in the middle': (response) => {
    response.body = response.body.slice(0, response.body.length / 2);
    response.then = 'fin';
  },
  'a reset in the middle': (response) => {
    response.body = response.body.slice(0, response.body.length / 2);
    response.then = 'reset';
  },
  'a reset after it': (response) => {
    response.then = 'reset';
  },
  'its end after it': (response) => {
    response.then = 'fin';
  },
  'a first chunk that is malformed': (response) => {
    response.body = response.body.replace(/^a\r\n/, 'poison\r\n');
  },
  'a last chunk that is malformed': (response) => {
    response.body = response.body.replace(/0\r\n\r\n$/, '0\npoison');
  },
  'Connection: close': (response) => {
    response.head = response.head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    response.late = poison;
  },
  'Connection: close in trailers': (response) => {
    if (!response.body.endsWith('\r\n0\r\n\r\n')) return;
    response.late = poison;
    response.body = response.body.replace(/0\r\n\r\n$/, '0\r\nConnection: close\r\nX-Sum: 1\r\n\r\n');
  },
  'two lengths': (response) => {
    response.head = response.head.replace('\r\n\r\n', '\r\nContent-Length: 1\r\n\r\n');
  },
  'a line that is no field': (response) => {
    response.head = response.head.replace('\r\n\r\n', '\r\npoison\r\n\r\n');
  },
  'no response': (response) => {
    Object.assign(response, { head: '', body: '', then: 'fin' });
  },
} as const satisfies Record<string, (response: Response) => void>;

const bodyOf = (call: string): string => `<${call}>`.repeat(20);

function responseTo({ method, framing, fault, interim }: Plan, call: string): Response {
  const body = bodyOf(call);
  const start = framing === '204' || framing === '304' ? `HTTP/1.1 ${framing} X` : 'HTTP/1.1 200 OK';
  const field =
    framing === 'chunks'
      ? 'Transfer-Encoding: chunked\r\n'
      : framing === 'end'
        ? 'Connection: close\r\n'
        : `Content-Length: ${body.length}\r\n`;
  const chunks = `a\r\n${body.slice(0, 10)}\r\n${(body.length - 10).toString(16)}\r\n${body.slice(10)}\r\n0\r\n\r\n`;
  const response: Response = {
    head: `${start}\r\nX-Call: ${call}\r\n${field}\r\n`,
    body: framing === 'chunks' ? chunks : body,
    after: '',
    late: '',
    then: framing === 'end' ? 'fin' : 'keep',
  };
  (faults[fault] as (response: Response) => void)(response);
  if (/close/.test(interim)) response.late = poison;
  // What comes before its end belongs to such a response.
  if (framing === 'end') response.after = '';
  if (response.head !== '' && (method === 'HEAD' || framing === '204' || framing === '304')) {
    // The body that must not be there may be another response.
    response.late = poison;
    response.body = '';
    response.after = '';
  }
  return response;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const lateBytes = new WeakMap<Socket, string>();

async function send(socket: Socket, plan: Plan, call: string): Promise<void> {
  const { head, body, after, late, then } = responseTo(plan, call);
  const text = plan.interim + head + body;
  const cuts = [...plan.cuts].map((share) => Math.floor(share * text.length)).sort((one, other) => one - other);
  socket.write(lateBytes.get(socket) ?? '', 'latin1');
  let from = 0;
  for (const cut of cuts) {
    if (cut > from) {
      socket.write(text.slice(from, cut), 'latin1');
      await turn();
    }
    from = Math.max(from, cut);
  }
  socket.write(text.slice(from) + after, 'latin1');
  lateBytes.set(socket, late);
  if (then === 'fin') socket.end();
  else if (then === 'reset') socket.resetAndDestroy();
}

const plans: fc.Arbitrary<Plan> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST'),
  interim: fc.constantFrom(
    '',
    '',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nConnection: close\r\nX-Call: other\r\n\r\n',
  ),
  framing: fc.constantFrom('length', 'length', 'chunks', 'chunks', 'end', '204', '304'),
  fault: fc.constantFrom(...(Object.keys(faults) as (keyof typeof faults)[])),
  cuts: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 3 }),
});

describe('A hostile upstream', () => {
  closesEverything();

  it('never makes the bytes of one response part of another', async () => {
    let plan: Plan;
    let call = 0;
    let used: Socket;
    const upstream = await scriptedUpstream((socket, { fields }) => {
      used = socket;
      void send(socket, plan, fields.get('x-call')![0]!);
    });
    const gate = await openGate(upstream.port, { service: { retries: 1 } });
    let caller: Client | undefined;

    await fc.assert(
      fc.asyncProperty(fc.array(plans, { minLength: 1, maxLength: 4 }), async (sequence) => {
        for (const next of sequence) {
          plan = next;
          const id = `call-${call++}`;
          if (caller === undefined || caller.ended) caller = await client(gate.port);
          const body = next.method === 'PUT' || next.method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n';
          caller.send(`${next.method} / HTTP/1.1\r\nHost: a\r\nX-Call: ${id}\r\n${body}`);
          let received = await caller.response({ toHead: next.method === 'HEAD' });
          while (received.status >= 100 && received.status < 200) {
            received = await caller.response({ toHead: next.method === 'HEAD' });
          }
          const { status, fields, complete } = received;
          expect(status).to.be.oneOf([0, 200, 204, 304, 502]);
          if (status === 502) {
            expect(received.body).to.match(next.method === 'HEAD' ? /^$/ : /^An invalid response was received/);
            await eventually(() => used.destroyed);
            continue;
          }
          // 0: the response was reset before the client received its head.
          if (status !== 0) expect(fields.get('x-call')).to.deep.equal([id]);
          const whole = status === 200 && next.method !== 'HEAD' ? bodyOf(id) : '';
          // An end in the middle looks like the end of such a response.
          if (complete && next.framing !== 'end') expect(received.body).to.equal(whole);
          else {
            expect(whole.startsWith(received.body), received.body).to.equal(true);
            if (!complete) caller = undefined;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(gate.failures).to.deep.equal([]);
  });

  it('KD-20: that answers HEAD with a late body does not make it the response to the next caller', async () => {
    const late = new WeakSet<Socket>();
    const upstream = await scriptedUpstream((socket, { lines }) => {
      if (!lines[0]!.startsWith('HEAD')) {
        socket.write(late.has(socket) ? poison : ok);
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
      late.add(socket);
    });
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    for (let i = 0; i < 30; i++) {
      asking.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get()}`);
      expect((await asking.response({ toHead: true })).status).to.equal(200);
      expect((await asking.response()).body).to.equal('ok');
    }
  });

  it('KD-22: whose first chunk is malformed gets its client a 502, which the log shows', async () => {
    const upstream = await scriptedUpstream(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n',
    );
    const gate = await openGate(upstream.port);
    expect((await ask(gate.port, get())).status).to.equal(502);
    expect(await gate.logged()).to.include({ status: 502, refusal: 'upstream_malformed' });
    await eventually(() => upstream.sockets[0]!.destroyed);
  });
});
