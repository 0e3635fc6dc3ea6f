import { expect } from 'chai';
import fc from 'fast-check';
import { type LogOptions, lineRedactor, openLog } from '../adapters/logging.ts';

const canary = 'Zk3uQm9vXw7rTb5nYc1dHs8jLf4gPa2e';

describe('The log', () => {
  it('is one JSON object a line', () => {
    const lines = logged({ level: 'info' }, (log) => {
      log.info({ listeners: 2 }, 'listening');
      log.warn('careful');
    });
    expect(lines).to.have.length(2);
    expect(JSON.parse(lines[0]!)).to.include({ level: 'info', msg: 'listening', listeners: 2 });
    expect(JSON.parse(lines[1]!)).to.include({ level: 'warn', msg: 'careful' });
    expect(JSON.parse(lines[0]!).time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('omits lines below its level, but not the line that the gate is ready', () => {
    for (const level of ['error', 'silent'] as const) {
      const lines = logged({ level }, (log) => {
        log.warn('careful');
        log.request({ path: '/' });
        log.announce({ proxy: [] }, 'ready');
      });
      expect(lines.map((line) => JSON.parse(line).msg)).to.deep.equal(['ready']);
    }
  });

  it('has one line for a request, with the fields of the access log', () => {
    const entry = { method: 'GET', path: '/orders', status: 401, milliseconds: 0.8, client: '127.0.0.1' };
    const [line] = logged({ level: 'info' }, (log) => log.request(entry));
    expect(JSON.parse(line!)).to.deep.include({ ...entry, msg: 'request' });
  });

  it('SE-09: shortens a line that is too long, and redacts before it shortens', () => {
    const clientId = 'i'.repeat(900_000);
    const text = `${'x'.repeat(980)} client_secret=${canary}`;
    const [line, whole] = logged({ level: 'info' }, (log) => {
      log.request({ status: 200, clientId, text, path: '/' });
      log.request({ path: `/${'p'.repeat(16_000)}` });
    });
    expect(JSON.parse(line!)).to.deep.include({ status: 200, clientId: `${clientId.slice(0, 1000)}…`, path: '/' });
    expect(line).not.to.include(canary.slice(0, 4));
    expect(JSON.parse(whole!).path).to.have.length(16_001);
  });

  it('keeps the code and message of an error', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:3000'), { code: 'ECONNREFUSED', port: 3000 });
    const [line] = logged({ level: 'info' }, (log) => log.error({ err: cause }, 'the upstream is not there'));
    expect(JSON.parse(line!).err).to.include({ code: 'ECONNREFUSED', port: 3000, message: cause.message });
  });

  describe('SE-02: shows no token, secret, code or query value', () => {
    const leaks: Readonly<Record<string, unknown>> = {
      'a header object': { headers: { authorization: canary, Cookie: `a=${canary}`, 'set-cookie': [canary] } },
      'a list of headers': { rawHeaders: ['host', 'a', 'Authorization', canary, 'proxy-authorization', canary] },
      'a list of pairs': { headers: [['Authorization', canary]] },
      'a token pair': {
        tokens: { accessToken: canary, refreshToken: canary },
        access_token: canary,
        token: { of: canary },
      },
      'form parameters': { body: { client_secret: canary, code: canary, code_verifier: canary, password: canary } },
      'a form body': { body: `grant_type=client_credentials&client_secret=${canary}&code=${canary}` },
      'JSON in a text': { body: JSON.stringify({ access_token: canary }) },
      'JSON in JSON in a text': {
        body: JSON.stringify({ body: JSON.stringify({ refresh_token: canary, more: 'yes' }) }),
      },
      'a target with a query': { target: `/orders?access_token=${canary}`, path: `/orders?x=1&y=${canary}` },
      'a redirect': { location: `https://client.example/cb?code=${canary}&state=${canary}` },
      'a fragment': { location: `https://client.example/cb#access_token=${canary}` },
      'a challenge': {
        header: `Authorization: Bearer ${canary}`,
        basic: `Basic ${canary}`,
        bare: `authorization: ${canary}`,
      },
      'the URL of a database': { store: `mongodb://portcullis:${canary}@one,two/db?authSource=${canary}` },
      'a name': { [`/orders?access_token=${canary}`]: 1 },
    };
    for (const [what, fields] of Object.entries(leaks)) {
      it(`in ${what}`, () => {
        const lines = logged({ level: 'trace' }, (log) => {
          log.debug(fields as object, 'debugging');
          log.request(fields as object);
          log.error({ err: Object.assign(new Error('failed'), { cause: fields, request: fields }) }, 'failed');
          log.announce(fields as object, 'ready');
        });
        expect(lines).to.have.length(4);
        for (const line of lines) {
          expect(line).not.to.include(canary);
          expect(() => JSON.parse(line)).not.to.throw();
        }
      });
    }

    it('in a message, or the message and stack of an error', () => {
      const lines = logged({ level: 'trace' }, (log) => {
        log.info(`GET /orders?access_token=${canary} was refused`);
        log.info('Authorization: %s', `Bearer ${canary}`);
        log.error(new Error(`cannot reach mongodb://ada:${canary}@db/`));
        log.error({ err: new Error(`bad body client_secret=${canary}`) }, 'failed');
      });
      expect(lines).to.have.length(4);
      const all = lines.join('');
      expect(all).to.include('was refused').and.to.include('[redacted]');
      expect(all).not.to.include(canary);
    });

    it('nor a secret of the configuration, anywhere', () => {
      const secret = 'p"a\\ss w&ord\u00e9';
      const secrets = [secret, 'short', 'shorter-secret'];
      const lines = logged({ level: 'trace', secrets }, (log) => {
        log.info({ anything: `x${secret}y`, [secret]: 1 }, `hello ${secret}`);
        log.info(`encoded ${encodeURIComponent(secret)} shorter-secret`);
      });
      for (const line of lines) {
        expect(line).not.to.include(JSON.stringify(secret).slice(1, -1)).and.not.to.include(encodeURIComponent(secret));
        expect(line).not.to.match(/short|er-secret/);
      }
    });

    it('in readable lines', () => {
      const lines = logged({ level: 'info', readable: { colours: false } }, (log) => {
        log.request({ method: 'GET', path: `/orders?access_token=${canary}` });
        log.error({ err: new Error(`client_secret=${canary}`) }, 'failed');
      });
      expect(lines).to.have.length(2);
      expect(lines.join('')).not.to.include(canary);
    });
  });

  it('stays JSON, and unchanged where there is nothing to redact', () => {
    const redactLine = lineRedactor([canary]);
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const line = `${JSON.stringify({ value })}\n`;
        const out = redactLine(line);
        expect(out.endsWith('\n') && out.indexOf('\n') === out.length - 1).to.equal(true);
        JSON.parse(out);
      }),
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('method', 'path', 'status'), fc.stringMatching(/^[\w/ .:-]*$/)),
        (entry) => {
          fc.pre(!/bearer|basic/i.test(JSON.stringify(entry)));
          const line = `${JSON.stringify(entry)}\n`;
          expect(redactLine(line)).to.equal(line);
        },
      ),
    );
  });

  it('a readable line: no text of a client moves the cursor or starts a line', () => {
    const [line, ...more] = logged({ level: 'info', readable: { colours: false } }, (log) =>
      log.request({
        method: 'GET',
        path: '/a\u001b[2J\r\n00:00:00 all is well\u009b\u2028',
        status: 401,
        milliseconds: 0.84,
        refusal: 'invalid_token',
        routeId: undefined,
      }),
    );
    expect(more).to.deep.equal([]);
    expect(line).to.match(/^\d\d:\d\d:\d\d GET \/a.* 401 0\.8 ms invalid_token\n$/);
    expect(line!.slice(0, -1)).not.to.match(/[\u0000-\u001f\u007f-\u009f\u2028]/);
  });

  it('a readable line: has colours only on request', () => {
    const write = (colours: boolean) =>
      logged({ level: 'info', readable: { colours } }, (log) => log.warn('careful'))[0]!;
    expect(write(false)).to.match(/^\d\d:\d\d:\d\d WARN careful\n$/);
    expect(write(true)).to.include('\u001b[33mWARN\u001b[39m careful');
  });
});

function logged(options: LogOptions, write: (log: ReturnType<typeof openLog>) => void): string[] {
  const lines: string[] = [];
  const log = openLog({ ...options, to: { write: (line) => void lines.push(line) } });
  write(log);
  return lines;
}
