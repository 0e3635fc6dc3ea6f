import { expect } from 'chai';
import fc from 'fast-check';
import type { BearerDenied } from '../../src/access/bearer-token.ts';
import { kong, rfc9700 } from '../../src/oauth/profile.ts';
import { deniedRead, deniedResponse, looksIntoBody, readBearer, readBearerInBody } from '../../src/wire/bearer.ts';
import { anyText } from '../support/text.ts';

const inHeader = { accessToken: 'abc', in: 'header', scheme: true };
const form = 'application/x-www-form-urlencoded';

describe('Where a request carries its access token (RFC 6750 §2), profile rfc9700', () => {
  const read = (authorization: string | undefined, query = '') => readBearer(rfc9700, authorization, query);

  it('RS-01: in the Authorization header, the scheme in any case, with any blanks', () => {
    for (const header of ['Bearer abc', 'bearer abc', 'BEARER   abc', 'Bearer abc  ']) {
      expect(read(header), header).to.deep.equal(inHeader);
    }
  });

  it('RS-09: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="', () => {
    expect(read('Bearer aZ09-._~+/==')).to.include({ accessToken: 'aZ09-._~+/==' });
    for (const wrong of ['a b', 'a,b', 'a=b', '=', '$ne', '{"$gt":""}', '.*"', 'é', 'a\0', 'a\tb', '[]']) {
      expect(read(`Bearer ${wrong}`), wrong).to.equal('malformed');
    }
  });

  it('RS-09: a token ends at the end of its line', () => {
    for (const header of ['Bearer abc\ndef', 'Bearer abc\r\ndef', 'Bearer abc\u2028def', 'Bearer\nabc']) {
      expect(read(header), JSON.stringify(header)).to.be.oneOf(['missing', 'malformed']);
    }
  });

  it('RS-09: nothing but a b64token reaches the store', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const bearer = read(`Bearer ${text}`);
        if (typeof bearer !== 'string') expect(bearer.accessToken).to.match(/^[A-Za-z0-9\-._~+/]+=*$/);
      }),
    );
  });

  it('another scheme, or none, carries none', () => {
    for (const header of [undefined, '', 'abc', 'Basic abc', 'Token abc', 'Bearerabc', 'Bearer']) {
      expect(read(header), header).to.equal('missing');
    }
  });

  it('RS-02: "MUST NOT use more than one method to transmit the token in each request"', () => {
    expect(read('Bearer abc', 'x=1&access_token=abc')).to.equal('repeated');
    expect(read('Bearer abc', 'access_token')).to.equal('repeated');
    expect(read('Bearer abc', 'x=1&access%5Ftoken=abc')).to.equal('repeated');
    expect(read('Bearer abc', 'my_access_token=abc&x=%25')).to.deep.equal(inHeader);
  });

  it('RS-04: never in the query', () => {
    expect(read(undefined, 'access_token=abc')).to.equal('missing');
  });

  it('RS-03: never in a body', () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(looksIntoBody(rfc9700, method, form)).to.equal(false);
    }
  });
});

describe('Where a request carries its access token, as Kong reads it', () => {
  const read = (authorization: string | undefined, query = '') => readBearer(kong, authorization, query);

  it('RS-01: Bearer or token, in any case, with any blanks', () => {
    for (const header of ['Bearer abc', 'bearer abc', 'TOKEN abc', 'token \t abc ', '  Bearer   abc']) {
      expect(read(header), header).to.deep.equal(inHeader);
    }
  });

  it('anything else in the header is a token as a whole', () => {
    for (const header of ['abc', 'Basic abc', 'Bearer', 'Bearer a b', 'Bearerabc']) {
      expect(read(header), header).to.deep.equal({ accessToken: header, in: 'header', scheme: false });
    }
  });

  it('a header that is there, empty or not, is all that is looked at', () => {
    expect(read('', 'access_token=abc')).to.equal('missing');
    expect(read('  ', 'access_token=abc')).to.equal('missing');
    expect(read('Bearer abc', 'access_token=other')).to.deep.equal(inHeader);
  });

  it('once in the query, however its name is written', () => {
    for (const query of ['x=1&access_token=abc', 'access%5Ftoken=ab%63', '%61ccess_token=abc&x']) {
      expect(read(undefined, query), query).to.deep.equal({ accessToken: 'abc', in: 'query', scheme: false });
    }
    for (const query of ['access_token=a&access_token=b', 'access_token', 'access_token=', 'my_access_token=abc']) {
      expect(read(undefined, query), query).to.equal('missing');
    }
  });

  it('in a body of POST, PUT and PATCH, and of no other type than these', () => {
    const looked = (method: string, type: string) => looksIntoBody(kong, method, type);
    expect(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'].map((method) => looked(method, form))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(looked('POST', 'application/json; charset=utf-8')).to.equal(true);
    expect(looked('POST', 'multipart/form-data; boundary=b')).to.equal(true);
    expect(looked('POST', 'text/plain')).to.equal(false);
  });

  it('in a form or in JSON, as one string', () => {
    const inBody = (type: string, body: string) => readBearerInBody(kong, type, Buffer.from(body));
    const found = { accessToken: 'abc', in: 'body', scheme: false };
    expect(inBody(form, 'access_token=abc')).to.deep.equal(found);
    expect(inBody('application/json', '{"access_token":"abc"}')).to.deep.equal(found);
    expect(inBody('application/json', '{"access_token":7}')).to.equal('missing');
    expect(inBody('application/json', '{')).to.equal('missing');
    expect(inBody(form, 'access_token=a&access_token=b')).to.equal('missing');
    expect(inBody(form, `${'x&'.repeat(9)}${Array.from({ length: 300 }, (_, i) => `y${i}`).join('&')}`)).to.equal(
      'missing',
    );
  });
});

for (const profile of [kong, rfc9700]) {
  describe(`A header of any length and kind, profile ${profile.name}`, () => {
    it('RS-09: is read at once, and never throws', () => {
      fc.assert(
        fc.property(anyText, anyText, (header, query) => {
          readBearer(profile, header, query);
          readBearer(profile, `Bearer ${header}`, query);
        }),
      );
      // Where matching took the square of the length these would take minutes.
      for (const header of [
        `Bearer x${' '.repeat(1_000_000)}x`,
        `Bearer ${' '.repeat(1_000_000)}`,
        `Bearer ${'='.repeat(1_000_000)}x`,
      ]) {
        readBearer(profile, header, '');
      }
    });
  });
}

describe('The response to a request that is denied (RFC 6750 §3)', () => {
  const denied = (
    reason: BearerDenied['reason'],
    requiredScope: readonly string[] = [],
    detail?: string,
  ): BearerDenied => ({
    state: 'denied',
    reason,
    requiredScope,
    ...(detail === undefined ? {} : { detail }),
  });
  const challenge = (profile: typeof kong, realm: string | undefined, refusal: BearerDenied) => {
    const { status, headers } = deniedResponse(profile, realm, refusal);
    return [status, ...headers.map(([, value]) => value)];
  };

  it('RS-05: every refusal carries a challenge', () => {
    for (const profile of [kong, rfc9700]) {
      for (const reason of [
        'token_missing',
        'token_invalid',
        'token_repeated',
        'token_global',
        'scope_insufficient',
      ] as const) {
        const { headers } = deniedResponse(profile, undefined, denied(reason));
        expect(headers.map(([name]) => name)).to.deep.equal(['WWW-Authenticate']);
        expect(headers[0]![1]).to.match(/^Bearer\b/);
      }
    }
  });

  it('RS-06: "SHOULD NOT include an error code" where no token was sent', () => {
    expect(challenge(rfc9700, undefined, denied('token_missing'))).to.deep.equal([401, 'Bearer']);
    expect(challenge(rfc9700, 'orders', denied('token_missing'))).to.deep.equal([401, 'Bearer realm="orders"']);
    expect(deniedResponse(rfc9700, undefined, denied('token_missing')).body).to.not.have.property('error');
  });

  it('RS-07: an invalid token is 401 invalid_token', () => {
    expect(challenge(rfc9700, 'orders', denied('token_invalid'))).to.deep.equal([
      401,
      'Bearer realm="orders", error="invalid_token", error_description="The access token is invalid or has expired"',
    ]);
  });

  it('RS-02: two tokens are 400 invalid_request', () => {
    const response = deniedResponse(rfc9700, undefined, denied('token_repeated'));
    expect(response).to.include({ status: 400 });
    expect(response.body).to.include({ error: 'invalid_request' });
  });

  it('RS-08: too small a scope is 403 insufficient_scope, with the scope it takes', () => {
    const [status, header] = challenge(rfc9700, undefined, denied('scope_insufficient', ['a', 'b'], 'a b'));
    expect(status).to.equal(403);
    expect(header).to.contain('error="insufficient_scope"').and.contain('scope="a b"');
  });

  it('Kong parts the attributes by blanks, and tells a missing token as invalid_request', () => {
    expect(challenge(kong, 'orders', denied('token_invalid'))).to.deep.equal([
      401,
      'Bearer realm="orders" error="invalid_token" error_description="The access token is invalid or has expired"',
    ]);
    const missing = deniedResponse(kong, undefined, denied('token_missing'));
    expect(missing.headers).to.deep.equal([['WWW-Authenticate', 'Bearer']]);
    expect(missing.body).to.deep.equal({ error: 'invalid_request', error_description: 'The access token is missing' });
  });

  it('Kong tells of a global token in the body alone', () => {
    const { headers, body } = deniedResponse(kong, undefined, denied('token_global'));
    expect(headers[0]![1]).to.contain('invalid or has expired');
    expect(body['error_description']).to.contain('global_credentials');
  });

  it('what was read of a request without a usable token says why', () => {
    expect(deniedRead('missing', ['a'])).to.deep.equal({
      state: 'denied',
      reason: 'token_missing',
      requiredScope: ['a'],
    });
    expect(deniedRead('repeated', [])).to.include({ reason: 'token_repeated' });
    expect(deniedRead('malformed', [])).to.include({ reason: 'token_invalid' });
  });
});
