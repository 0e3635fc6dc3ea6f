import { expect } from 'chai';
import fc from 'fast-check';
import { isNetwork, parseAddress, parseNetworks } from '../../src/gateway/trusted-ips.ts';

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

  it('reads every address in the usual spellings', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect([...parseAddress(address)!].join('.')).to.equal(address);
        expect(parseAddress(`::ffff:${address}`)).to.deep.equal(parseAddress(address));
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const bytes = parseAddress(address)!;
        expect(bytes.length === 16 || bytes.length === 4, address).to.equal(true);
        const long = [...bytes]
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join('')
          .match(/.{4}/g)!
          .join(':');
        if (bytes.length === 16) expect(parseAddress(long.toUpperCase())).to.deep.equal(bytes);
      }),
    );
  });

  it('is never confused by text', () => {
    const text = fc.string({
      unit: fc.constantFrom('0', '1', 'f', ':', '::', '.', '/', '25', ' ', '%'),
      maxLength: 16,
    });
    fc.assert(
      fc.property(text, (one) => {
        const address = parseAddress(one);
        if (address !== undefined) expect(has([one], one)).to.equal(true);
      }),
    );
  });
});
