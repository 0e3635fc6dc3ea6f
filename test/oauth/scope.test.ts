import { expect } from 'chai';
import fc from 'fast-check';
import { isScopeToken, isWithin, sameScope, splitScope } from '../../src/oauth/scope.ts';

// "scope-token = 1*( %x21 / %x23-5B / %x5D-7E )" (RFC 6749 §3.3)
const visible = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index));
const scopeToken = fc.string({
  unit: fc.constantFrom(...visible.filter((character) => character !== '"' && character !== '\\')),
  minLength: 1,
  maxLength: 8,
});
const tokens = fc.uniqueArray(scopeToken, { maxLength: 6 });

describe('Scope (RFC 6749 §3.3)', () => {
  it('"expressed as a list of space-delimited, case-sensitive strings"', () => {
    expect(splitScope('email Email  EMAIL')).to.deep.equal(['email', 'Email', 'EMAIL']);
  });

  it('splits what was joined, whatever the scope tokens are', () => {
    fc.assert(fc.property(tokens, (scope) => void expect(splitScope(scope.join(' '))).to.deep.equal(scope)));
  });

  it('AZ-18: "their order does not matter"', () => {
    const shuffled = tokens.chain((scope) =>
      fc.shuffledSubarray(scope, { minLength: scope.length }).map((other) => [scope, other] as const),
    );
    fc.assert(fc.property(shuffled, ([scope, other]) => void expect(sameScope(scope, other)).to.equal(true)));
  });

  it('AZ-18: a scope token has visible ASCII characters without quote and backslash', () => {
    fc.assert(fc.property(scopeToken, (token) => void expect(isScopeToken(token)).to.equal(true)));
    for (const token of ['', '"', '\\', 'a b', 'é', 'a\u00a0b', 'a\n', '\u0000', '\u007f']) {
      expect(isScopeToken(token), JSON.stringify(token)).to.equal(false);
    }
  });

  it('AZ-18: only ASCII blanks part scope tokens; others stay, and spoil the token', () => {
    expect(splitScope('email\tprofile\r\naddress')).to.deep.equal(['email', 'profile', 'address']);
    for (const blank of ['\u00a0', '\u2028', '\u3000', '\ufeff']) {
      expect(splitScope(`email${blank}profile`)).to.have.length(1);
    }
  });

  it('names each scope token once', () => {
    expect(splitScope('email profile email')).to.deep.equal(['email', 'profile']);
  });

  it('a part of a scope is within it, and nothing more is', () => {
    fc.assert(
      fc.property(tokens, tokens, (one, other) => {
        expect(isWithin(one, [...other, ...one])).to.equal(true);
        expect(isWithin(one, other)).to.equal(one.every((token) => other.includes(token)));
      }),
    );
  });

  it('a part is not the same', () => {
    expect(sameScope(['a'], ['a', 'b'])).to.equal(false);
    expect(sameScope(['a', 'b'], ['a'])).to.equal(false);
    expect(sameScope(['a'], ['b'])).to.equal(false);
  });
});
