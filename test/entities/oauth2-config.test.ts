import { expect } from 'chai';
import { plugins } from '../../src/entities/plugins.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { draftChange, draftInsert, finished, violationsOf } from '../../src/schema/draft.ts';
import { coerced, formTree } from '../../src/schema/form.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const description = plugins(pluginDescriptions);
const auto = { now: 5_000_000, uuid: '00000000-0000-4000-8000-000000000001', tokens: ['made'] };
const draft = (config: JsonObject) => draftInsert(description, { name: 'oauth2', config }, auto);
const ok = { enable_client_credentials: true };
const wrong = (config: JsonObject) => violationsOf(draft({ ...ok, ...config }))?.['config'];
const settings = (config: JsonObject) => {
  expect(violationsOf(draft(config))).to.equal(undefined);
  return finished(draft(config))['config'];
};

describe('The settings of the oauth2 plugin', () => {
  it("are Kong's, with Kong's defaults", () => {
    expect(settings(ok)).to.deep.equal({
      scopes: null,
      mandatory_scope: false,
      provision_key: 'made',
      token_expiration: 7200,
      enable_authorization_code: false,
      enable_implicit_grant: false,
      enable_client_credentials: true,
      enable_password_grant: false,
      hide_credentials: false,
      accept_http_if_already_terminated: false,
      anonymous: null,
      global_credentials: false,
      auth_header_name: 'authorization',
      refresh_token_ttl: 1209600,
      reuse_refresh_token: false,
      pkce: 'lax',
      realm: null,
    });
  });

  it('offer at least one grant', () => {
    expect(violationsOf(draft({}))).to.deep.equal({
      config:
        'at least one of these fields must be true: enable_authorization_code, enable_implicit_grant, enable_client_credentials, enable_password_grant',
    });
  });

  it('offer codes with global_credentials and no grant, as the tutorial for WebSockets needs it', () => {
    expect(settings({ global_credentials: true, scopes: ['email'] })).to.deep.include({
      enable_authorization_code: true,
      enable_client_credentials: false,
    });
    expect(violationsOf(draft({ global_credentials: true, enable_implicit_grant: false }))).to.have.property('config');
    expect(violationsOf(draft({ scopes: ['email'] }))).to.have.property('config');
    const stored = finished(draft(ok));
    const changed = finished(draftChange(description, { config: { global_credentials: true } }, stored, auto.now));
    expect(changed['config']).to.deep.include({ enable_authorization_code: false });
  });

  it('have scopes where a scope is mandatory', () => {
    expect(wrong({ mandatory_scope: true })).to.deep.equal({
      scopes: 'required field missing',
      '@entity': ["failed conditional validation given value of field 'mandatory_scope'"],
    });
    expect(wrong({ mandatory_scope: true, scopes: [] })).to.equal(undefined);
  });

  it('accept enable_password', () => {
    expect(settings({ enable_password: true })).to.deep.include({ enable_password_grant: true });
  });

  it('split scopes at commas in a form, and only there', () => {
    const form = (text: string) =>
      coerced(description, formTree([...new URLSearchParams(text)]), () => undefined)['config'];
    expect(form('name=oauth2&config.scopes=email,profile')).to.deep.equal({ scopes: ['email', 'profile'] });
    expect(form('name=oauth2&config.scopes[]=email,profile')).to.deep.equal({ scopes: ['email,profile'] });
    expect(settings({ ...ok, scopes: ['email,profile'] })).to.deep.include({ scopes: ['email,profile'] });
    expect(wrong({ scopes: 'email,profile' })).to.deep.equal({ scopes: 'expected an array' });
  });

  it('offer no grant in the rfc9700 profile that RFC 9700 retires (§2.1.2, §2.4)', () => {
    const message = 'must be false in the rfc9700 profile';
    expect(wrong({ profile: 'rfc9700', enable_implicit_grant: true, enable_password_grant: true })).to.deep.equal({
      enable_implicit_grant: message,
      enable_password_grant: message,
    });
    expect(wrong({ profile: 'rfc9700' })).to.equal(undefined);
    expect(wrong({ profile: 'kong', enable_implicit_grant: true })).to.equal(undefined);
    expect(wrong({ profile: 'other' })).to.deep.equal({ profile: 'expected one of: kong, rfc9700' });
  });

  it('cannot change to the rfc9700 profile with a retired grant', () => {
    const stored = finished(draft({ enable_password_grant: true }));
    const changed = draftChange(description, { config: { profile: 'rfc9700' } }, stored, auto.now);
    expect(violationsOf(changed)).to.have.nested.property('config.enable_password_grant');
  });

  it('have a grace of at most one minute', () => {
    const message = 'value should be between 0 and 60';
    expect(wrong({ refresh_token_grace: 61 })).to.deep.equal({ refresh_token_grace: message });
    expect(wrong({ refresh_token_grace: -1 })).to.deep.equal({ refresh_token_grace: message });
    expect(settings({ ...ok, refresh_token_grace: 60 })).to.deep.include({ refresh_token_grace: 60 });
  });

  it('grant by default only scopes on offer', () => {
    expect(wrong({ scopes: ['a'], token_default_scopes: ['a', 'b'] })).to.deep.equal({
      token_default_scopes: "'b' is not one of the scopes",
    });
    expect(wrong({ scopes: ['a', 'b'], token_default_scopes: ['b'] })).to.equal(undefined);
  });

  it('lose a field of ours when it is set to null', () => {
    const stored = finished(draft({ ...ok, profile: 'rfc9700', refresh_token_grace: 5 }));
    const changed = finished(draftChange(description, { config: { refresh_token_grace: null } }, stored, auto.now));
    expect(changed['config']).to.deep.include({ profile: 'rfc9700' }).and.not.have.property('refresh_token_grace');
  });

  it('have no consumer', () => {
    const consumer = { id: auto.uuid };
    expect(violationsOf(draftInsert(description, { name: 'oauth2', consumer, config: ok }, auto))).to.deep.equal({
      consumer: 'value must be null',
    });
  });

  it('of an unknown plugin are refused by its name', () => {
    const message = "plugin 'nope' not enabled; add it to the 'plugins' configuration property";
    expect(violationsOf(draftInsert(description, { name: 'nope', config: { a: 1 } }, auto))).to.deep.equal({
      name: message,
    });
    expect(violationsOf(draftInsert(description, {}, auto))).to.deep.equal({ name: 'required field missing' });
    expect(violationsOf(draftInsert(description, { name: 5 }, auto))).to.deep.equal({ name: 'expected a string' });
    expect(violationsOf(draftInsert(description, { name: '__proto__' }, auto))).to.have.property('name');
  });

  it('of one plugin are not those of another', () => {
    const other = plugins(
      new Map([
        ...pluginDescriptions,
        [
          'mark',
          {
            name: 'mark',
            priority: 1,
            fields: { config: { type: 'record', required: true, fields: { ink: { type: 'string', default: 'red' } } } },
          },
        ],
      ]),
    );
    const stored = finished(draft(ok));
    const changed = violationsOf(draftChange(other, { name: 'mark' }, stored, auto.now));
    expect(Object.values(changed!['config'] as object))
      .to.have.length(17)
      .and.to.satisfy((all: string[]) => all.every((message) => message === 'unknown field'));
  });
});
