import { expect } from 'chai';
import { errorResponse } from '../../src/gateway/error-response.ts';

describe('The error response of the gate itself', () => {
  const responseFor = (accept: string | undefined, otherwise?: 'json' | 'text') => {
    const also = otherwise === undefined ? {} : { otherwise };
    const header = (name: string) => (name === 'accept' ? accept : undefined);
    const { headers, body } = errorResponse({ requestId: 'r1', header }, 502, 'a <b> & c', also);
    return { type: headers[0]![1], body };
  };

  for (const [accept, otherwise, type] of [
    [undefined, undefined, 'application/json; charset=utf-8'],
    [undefined, 'text', 'text/plain; charset=utf-8'],
    ['*/*', 'text', 'application/json; charset=utf-8'],
    ['', 'text', 'application/json; charset=utf-8'],
    ['image/png', 'text', 'application/json; charset=utf-8'],
    ['image/png, text/html', 'text', 'application/json; charset=utf-8'],
    ['application/*', 'text', 'application/json; charset=utf-8'],
    ['text/*', undefined, 'text/plain; charset=utf-8'],
    ['*/*', undefined, 'application/json; charset=utf-8'],
    ['image/png', undefined, 'application/json; charset=utf-8'],
    ['text/html', undefined, 'text/html; charset=utf-8'],
    ['TEXT/HTML', undefined, 'text/html; charset=utf-8'],
    ['text/plain', undefined, 'text/plain; charset=utf-8'],
    ['application/xml', undefined, 'application/xml; charset=utf-8'],
    ['application/json', 'text', 'application/json; charset=utf-8'],
    ['text/html;q=0.5, application/json;q=0.9', undefined, 'application/json; charset=utf-8'],
    ['text/html;q=0, application/xml;q=0.1', undefined, 'application/xml; charset=utf-8'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text', 'text/html; charset=utf-8'],
    ['text/html;q=x', undefined, 'text/html; charset=utf-8'],
    [',;q=1,', undefined, 'application/json; charset=utf-8'],
  ] as const) {
    it(`is ${type} where ${accept ?? 'nothing'} is accepted${otherwise === undefined ? '' : `, ${otherwise} otherwise`}`, () => {
      expect(responseFor(accept, otherwise).type).to.equal(type);
    });
  }

  it("takes the type of the request's body for a missing Accept where Kong's nginx responds", () => {
    const sent = (type: string, otherwise: 'json' | 'text') => {
      const header = (name: string) => (name === 'content-type' ? type : undefined);
      return errorResponse({ requestId: 'r1', header }, 502, 'x', { otherwise }).headers[0]![1];
    };
    expect(sent('application/x-www-form-urlencoded', 'text')).to.equal('application/json; charset=utf-8');
    expect(sent('application/json; charset=utf-8', 'text')).to.equal('application/json; charset=utf-8');
    expect(sent('text/plain', 'text')).to.equal('text/plain; charset=utf-8');
    expect(sent('text/html', 'text')).to.equal('text/html; charset=utf-8');
    expect(sent('text/html', 'json')).to.equal('application/json; charset=utf-8');
  });

  it('routing/upstream-failures:5-8: has the message and the id of the request in each form', () => {
    expect(responseFor(undefined).body).to.equal('{"message":"a <b> & c","request_id":"r1"}');
    expect(responseFor('text/plain').body).to.equal('a <b> & c\nrequest_id: r1\n');
    expect(responseFor('application/xml').body).to.equal(
      '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>a &lt;b&gt; &amp; c</message>\n  <requestid>r1</requestid>\n</error>\n',
    );
    expect(responseFor('text/html').body).to.equal(
      '<!doctype html>\n<html>\n  <head>\n    <meta charset="utf-8">\n    <title>Error</title>\n  </head>\n  <body>\n' +
        '    <h1>Error</h1>\n    <p>a &lt;b&gt; &amp; c.</p>\n    <p>request_id: r1</p>\n  </body>\n</html>\n',
    );
  });
});
