import { expect } from 'chai';
import { plugins } from '../../src/plugins/plugins.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { settingsFrom } from '../../src/schema/settings.ts';
import { pluginWorld } from '../plugins/world.ts';
import { fields } from './settings-types.ts';

describe('Settings of a plugin', () => {
  it('each is there: as written, by its default, or null', () => {
    expect(settingsFrom(fields, { required: 'r', requiredOneOf: 1 })).to.deep.equal({
      optional: null,
      required: 'r',
      withDefault: 3,
      nullDefault: null,
      oneOf: null,
      requiredOneOf: 1,
      flag: false,
      ours: null,
      list: null,
      listOfOneOf: [],
      map: {},
      reference: null,
      record: { text: 't', inner: null },
      records: null,
    });
    const written: JsonObject = {
      optional: 'o',
      required: 'r',
      withDefault: 0,
      nullDefault: 4,
      oneOf: 'b',
      requiredOneOf: 3,
      flag: true,
      ours: false,
      list: [],
      listOfOneOf: ['x'],
      map: { a: 1 },
      reference: { id: 'i' },
      record: { text: 'u', inner: { number: 5 } },
      records: [{ name: 'm' }],
    };
    expect(settingsFrom(fields, written)).to.deep.equal(written);
  });

  it('null means the default, also in a record and in a list of records', () => {
    const { withDefault, record, records } = settingsFrom(fields, {
      withDefault: null,
      record: { text: null, inner: null },
      records: [{ name: null }],
    });
    expect({ withDefault, record, records }).to.deep.equal({
      withDefault: 3,
      record: { text: 't', inner: null },
      records: [{ name: 'n' }],
    });
  });

  it('every plugin of the gate can be compiled where Kong allows null for a setting', () => {
    const { tools } = pluginWorld();
    const place = { pluginId: 'p', routeId: undefined, serviceId: undefined, consumerId: undefined };
    for (const plugin of plugins.filter(({ name }) => name !== 'any_of')) {
      const config = plugin.fields['config']!;
      if (config.type !== 'record') throw new TypeError(plugin.name);
      const nulls = Object.fromEntries(
        Object.entries(config.fields).flatMap(([name, field]) => (field.required === true ? [] : [[name, null]])),
      );
      expect(() => plugin.compile(nulls, place, tools), plugin.name).not.to.throw();
    }
  });
});
