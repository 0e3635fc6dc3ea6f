import { expect } from 'chai';
import fc from 'fast-check';
import {
  hostNetwork,
  isLoopbackAddress,
  isNetwork,
  parseIpAddress,
  parseIpAddressWithPort,
  parseNetworks,
} from '../../src/address/ip-address.ts';

function has(list: readonly string[], address: string): boolean {
  const networks = parseNetworks(list);
  if ('invalid' in networks) throw new Error(networks.invalid);
  return networks.has(address);
}

describe('A list of networks', () => {
  for (const [network, inside, outside] of [
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['11.0.0.0', '9.255.255.255', '::a00:1']],
    ['192.168.1.77/31', ['192.168.1.76', '192.168.1.77'], ['192.168.1.75', '192.168.1.78']],
    ['172.16.0.0/12', ['172.16.0.1', '172.31.255.255'], ['172.32.0.0', '172.15.255.255']],
    ['1.2.3.4', ['1.2.3.4'], ['1.2.3.5']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::1', '::']],
    ['::/0', ['::', '2001:db8::1'], ['1.2.3.4']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2', '127.0.0.1']],
    ['fe80::/10', ['fe80::1', 'febf:ffff::'], ['fec0::', 'fe7f::']],
    ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::']],
    ['::ffff:10.0.0.0/104', ['10.9.9.9'], ['11.0.0.0']],
  ] as const) {
    it(`${network} has ${inside.join(', ')} and not ${outside.join(', ')}`, () => {
      for (const address of inside) expect(has([network], address), address).to.equal(true);
      for (const address of outside) expect(has([network], address), address).to.equal(false);
    });
  }

  it('has what any of its networks has; an empty one has nothing', () => {
    expect(has(['1.1.1.1', '::1'], '::1')).to.equal(true);
    expect(has([], '127.0.0.1')).to.equal(false);
    expect(has(['0.0.0.0/0'], 'localhost')).to.equal(false);
  });

  for (const text of [
    ...[
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.4/33',
      '1.2.3.4/',
      '1.2.3.4/-1',
      '1.2.3.4/08',
    ],
    ...[
      '1.2.3.4 ',
      '::1%eth0',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      '::g',
      '::/129',
      '[::1]',
    ],
    ...['::1.2.3', '1.2.3.4::', '1:2:3:4:5:6:7::8', '::ffff:1.2.3.4/95', '0x7f.1.1.1', '1.2.3.4:80'],
  ]) {
    it(`names ${JSON.stringify(text)} as no network`, () => {
      expect(isNetwork(text)).to.equal(false);
      expect(parseNetworks(['1.1.1.1', text])).to.deep.equal({ invalid: text });
    });
  }

  it('is never confused by text', () => {
    const text = fc.string({
      unit: fc.constantFrom('0', '1', 'f', ':', '::', '.', '/', '25', ' ', '%'),
      maxLength: 16,
    });
    fc.assert(
      fc.property(text, (one) => {
        const address = parseIpAddress(one);
        if (address !== undefined) expect(has([one], one)).to.equal(true);
      }),
    );
  });
});

describe('An IP address', () => {
  for (const [text, normal] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::0001', '2001:db8::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::', '::'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ] as const) {
    it(`${text} is ${normal}`, () => {
      expect(parseIpAddress(text)).to.equal(normal);
    });
  }

  it('has one normal form for all its spellings, and the normal form is its own', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(parseIpAddress(address)).to.equal(address);
        expect(parseIpAddress(`::ffff:${address}`)).to.equal(address);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const hex = groups.map((group) => group.toString(16));
        const normal = parseIpAddress(hex.join(':'));
        expect(normal).to.not.equal(undefined);
        expect(parseIpAddress(hex.map((group) => group.padStart(4, '0').toUpperCase()).join(':'))).to.equal(normal);
        expect(parseIpAddress(normal!)).to.equal(normal);
      }),
    );
  });

  it('may carry a port, and then a number only', () => {
    for (const [text, address] of [
      ['192.0.2.1:80', '192.0.2.1'],
      ['192.0.2.1', '192.0.2.1'],
      ['[2001:DB8::1]:443', '2001:db8::1'],
      ['[2001:db8::1]', '2001:db8::1'],
      ['2001:db8::1', '2001:db8::1'],
      ['192.0.2.1:80junk', undefined],
      ['192.0.2.1:', undefined],
      ['192.0.2.1:123456', undefined],
      ['192.0.2.1:99999', undefined],
      ['[192.0.2.1]:80', undefined],
      ['[2001:db8::1]junk', undefined],
      ['[2001:db8::1]:junk', undefined],
      ['name.example:80', undefined],
      ['', undefined],
    ] as const) {
      expect(parseIpAddressWithPort(text), text).to.equal(address);
    }
  });

  it('is loopback in 127.0.0.0/8 and ::1', () => {
    for (const text of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1']) {
      expect(isLoopbackAddress(parseIpAddress(text)!), text).to.equal(true);
    }
    for (const text of ['128.0.0.1', '0.0.0.0', '::', '::2', '::7f00:1', '127::1']) {
      expect(isLoopbackAddress(parseIpAddress(text)!), text).to.equal(false);
    }
  });

  it('counts alone in IPv4 and with its /64 in IPv6', () => {
    for (const [text, network] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8::1', '2001:db8:0:0'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
      ['::1', '0:0:0:0'],
      ['1::', '1:0:0:0'],
      ['1:2:3::7:8', '1:2:3:0'],
    ] as const) {
      expect(hostNetwork(parseIpAddress(text)!), text).to.equal(network);
    }
  });
});
