import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import fc from 'fast-check';
import { curlLine, quoted, responseText } from '../../adapters/cli/curl.ts';
import { paintFor } from '../../adapters/cli/terminal.ts';

describe('A line to paste', () => {
  it('is quoted for the shell', () => {
    const words = fc.sample(fc.string({ unit: fc.constantFrom(...'ab \'"$`\\!*?&|;<>(){}[]~#=%\n\t') }), 200);
    const script = `for word in ${words.map(quoted).join(' ')}; do printf '%s\\0' "$word"; done`;
    const read = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
    expect(read).to.deep.equal(words);
  });

  it('has every part of the call', () => {
    const line = curlLine({
      url: 'http://127.0.0.1:8000/oauth2/token',
      user: { name: 'id', password: 'a secret' },
      headers: { Accept: 'text/plain' },
      form: { grant_type: 'client_credentials', scope: 'a b' },
    });
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n');
    expect(words).to.deep.equal([
      ...['curl', '-i', 'http://127.0.0.1:8000/oauth2/token', '-u', 'id:a secret', '-H', 'Accept: text/plain'],
      ...['-d', 'grant_type=client_credentials', '-d', 'scope=a b'],
    ]);
  });

  it('is followed by its response, with JSON indented', () => {
    const paint = paintFor({ write() {} }, {});
    const headers = new Headers({ 'WWW-Authenticate': 'Bearer', Date: 'today' });
    const response = { status: 401, statusText: 'Unauthorized', headers, body: '{"error":"invalid_token"}' };
    expect(responseText(response, ['WWW-Authenticate', 'X-Absent'], paint)).to.equal(
      'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer\n\n{\n  "error": "invalid_token"\n}',
    );
    expect(responseText({ ...response, body: 'Bad Gateway\n' }, [], paint)).to.match(/\n\nBad Gateway$/);
  });
});
