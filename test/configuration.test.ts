import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { configurationPage } from '../adapters/configuration/page.ts';
import { settingNames as names, type SettingName, settingCalled } from '../adapters/configuration/settings.ts';
import { inEnvironment, inFile, onCommandLine } from '../adapters/configuration/sources.ts';
import {
  type Configuration,
  type ConfigurationReading,
  problemLine,
  readConfiguration,
  type SettingSources,
} from '../adapters/configuration.ts';
import { gateHeaders } from '../src/gateway/gate-headers.ts';

const directories = { state: '/state', settings: '/settings' };
const read = (sources: SettingSources): ConfigurationReading => readConfiguration(sources, () => directories);
const fromEnv = (env: Record<string, string>) => read({ env });

describe('The configuration', () => {
  it('has a default or no need for each setting', () => {
    const { proxyListen, adminListen, ...rest } = accepted(read({}));
    expect(proxyListen.map(({ host, port, ssl, http2 }) => [host, port, ssl, http2])).to.deep.equal([
      ['0.0.0.0', 8000, false, false],
      ['0.0.0.0', 8443, true, true],
    ]);
    expect(adminListen.map(({ host, port }) => [host, port])).to.deep.equal([['127.0.0.1', 8001]]);
    expect(rest).to.deep.equal({
      adminToken: undefined,
      adminTlsFiles: undefined,
      statusListen: [],
      adminHosts: [],
      store: { kind: 'lmdb', directory: '/state/store' },
      storeTimeout: 2_000,
      storePool: 20,
      limitBodyTime: 60_000,
      limitBodyMemory: 64,
      limitConnections: 16_384,
      limitConnectionsPerAddress: 2_048,
      limitStreams: 10_000,
      limitHashes: 256,
      limitFailureCounts: 100_000,
      limitTokens: 100_000,
      stalenessLimit: 30_000,
      config: undefined,
      configTakesOver: false,
      skipPlugins: [],
      pluginModules: [],
      publicUrl: undefined,
      trustedIps: [],
      upstreamKeepalivePoolSize: 512,
      upstreamKeepaliveIdleTimeout: 60_000,
      upstreamKeepaliveMaxRequests: 10_000,
      headers: gateHeaders(['server_tokens', 'latency_tokens', 'X-Kong-Request-Id']),
      realIpHeader: undefined,
      realIpRecursive: 'off',
      plainHttpTokens: 'loopback',
      masterKey: { from: 'file', path: '/settings/master.key', make: true },
      workers: 1,
      logLevel: 'info',
      logFile: undefined,
      logBuffer: 4_194_304,
      drainLimit: 10_000,
      tlsFiles: undefined,
      stateDirectory: '/state',
    });
  });

  describe('has the same names on the command line, in the environment and in a file', () => {
    const samples: Readonly<Record<SettingName, string>> = {
      proxyListen: '127.0.0.1:1',
      adminListen: '127.0.0.1:2',
      adminToken: 'a-token-of-enough-letters',
      adminSslCert: '/admin.pem',
      adminSslCertKey: '/admin-key.pem',
      statusListen: '127.0.0.1:3',
      adminHosts: 'Gate.internal, *',
      store: 'memory:',
      storeTimeout: '5',
      storePool: '50',
      stalenessLimit: '10',
      config: '/kong.yml',
      configTakesOver: 'yes',
      skipPlugins: 'prometheus, zipkin',
      pluginModules: '/plugins/one.ts, two.js',
      publicUrl: 'https://api.example.org',
      trustedIps: '10.0.0.0/8, ::1',
      upstreamKeepalivePoolSize: '0',
      upstreamKeepaliveIdleTimeout: '0',
      upstreamKeepaliveMaxRequests: '0',
      headers: 'off',
      realIpHeader: 'X-Forwarded-For',
      realIpRecursive: 'on',
      plainHttpTokens: 'never',
      key: 'ab'.repeat(32),
      keyFile: '/key',
      workers: '1',
      limitBodyTime: '5',
      limitBodyMemory: '8',
      limitConnections: '100',
      limitConnectionsPerAddress: '10',
      limitStreams: '50',
      limitHashes: '20',
      limitFailureCounts: '2000',
      limitTokens: '500',
      logLevel: 'warn',
      logFile: '/gate.log',
      logBuffer: '65536',
      drainLimit: '25',
      sslCert: '/cert.pem',
      sslCertKey: '/key.pem',
      stateDir: '/elsewhere',
    };
    // Some settings need another one.
    const alsoNeeded: Partial<Record<SettingName, SettingName>> = {
      sslCert: 'sslCertKey',
      sslCertKey: 'sslCert',
      adminSslCert: 'adminSslCertKey',
      adminSslCertKey: 'adminSslCert',
    };

    for (const name of names) {
      it(`${inFile(name)} = ${inEnvironment(name)} = ${onCommandLine(name)}`, () => {
        const given = [name, alsoNeeded[name] ?? name];
        const flags = Object.fromEntries(given.map((one) => [onCommandLine(one).slice(2), samples[one]!]));
        const env = Object.fromEntries(given.map((one) => [inEnvironment(one), samples[one]!]));
        const text = given
          .filter(unique)
          .map((one) => `${inFile(one)}: ${JSON.stringify(samples[one])}\n`)
          .join('');
        const byEnvironment = accepted(read({ env }));
        expect(accepted(read({ flags }))).to.deep.equal(byEnvironment);
        expect(accepted(read({ file: { path: 'gate.yml', text } }))).to.deep.equal(byEnvironment);
        if (name !== 'workers') expect(byEnvironment).not.to.deep.equal(accepted(read({})));
      });
    }
  });

  it('prefers the command line to the environment, that to the file, and that to a variable of Kong', () => {
    const all = {
      flags: { 'log-level': 'trace' },
      env: { PORTCULLIS_LOG_LEVEL: 'debug', KONG_LOG_LEVEL: 'error' },
      file: { path: 'gate.yml', text: 'log_level: warn' },
    };
    expect(accepted(read(all)).logLevel).to.equal('trace');
    expect(accepted(read({ env: all.env, file: all.file })).logLevel).to.equal('debug');
    expect(accepted(read({ env: { KONG_LOG_LEVEL: 'error' }, file: all.file })).logLevel).to.equal('warn');
    expect(accepted(read({ env: { KONG_LOG_LEVEL: 'error' } })).logLevel).to.equal('error');
  });

  it('treats an empty variable as not set', () => {
    const env = Object.fromEntries(names.map((name) => [inEnvironment(name), '']));
    expect(accepted(read({ env }))).to.deep.equal(accepted(read({})));
  });

  it('reads lists in a file as lists', () => {
    const text = 'trusted_ips: [10.0.0.0/8, "::1"]\nproxy_listen:\n  - 127.0.0.1:1\n  - "[::1]:2 ssl"\n';
    const configuration = accepted(read({ file: { path: 'gate.yml', text } }));
    expect(configuration.trustedIps).to.deep.equal(['10.0.0.0/8', '::1']);
    expect(configuration.proxyListen.map(({ port, ssl }) => [port, ssl])).to.deep.equal([
      [1, false],
      [2, true],
    ]);
  });

  describe('refuses an unknown name, and suggests the one that was meant', () => {
    it('in the environment', () => {
      expect(refused(fromEnv({ PORTCULLIS_STROE: 'memory:' }))).to.deep.equal([
        'PORTCULLIS_STROE: there is no such setting; did you mean PORTCULLIS_STORE?',
      ]);
    });
    it('on the command line', () => {
      expect(refused(read({ flags: { 'admin-listn': '127.0.0.1:1' } }))).to.deep.equal([
        '--admin-listn: there is no such setting; did you mean --admin-listen?',
      ]);
    });
    it('in a file, with its line', () => {
      expect(
        refused(read({ file: { path: 'gate.yml', text: '# ours\nstore: "memory:"\nproxy-listen: off\n' } })),
      ).to.deep.equal(['gate.yml:3 proxy-listen: there is no such setting; did you mean proxy_listen?']);
    });
    it('and suggests nothing if no name is similar', () => {
      expect(refused(fromEnv({ PORTCULLIS_X_Y_Z_UNRELATED: '1' }))).to.deep.equal([
        'PORTCULLIS_X_Y_Z_UNRELATED: there is no such setting',
      ]);
    });
    it('even if every object has that name', () => {
      for (const name of Object.getOwnPropertyNames(Object.prototype)) {
        expect(refused(fromEnv({ [`PORTCULLIS_${name}`]: '1' })), name).to.have.length(1);
        expect(refused(read({ flags: { [`x-${name}`]: '1' } })), name).to.have.length(1);
        expect(refused(read({ file: { path: 'f', text: `${name}: 1` } })), name).to.have.length(1);
      }
    });
  });

  it('lists all problems at once', () => {
    const lines = refused(fromEnv({ PORTCULLIS_STROE: 'x', PORTCULLIS_WORKERS: '4', PORTCULLIS_LOG_LEVEL: 'loud' }));
    expect(lines).to.deep.equal([
      'PORTCULLIS_STROE: there is no such setting; did you mean PORTCULLIS_STORE?',
      'PORTCULLIS_WORKERS: 4 workers are not supported yet; the only number is 1',
      'PORTCULLIS_LOG_LEVEL: takes trace, debug, info, warn, error, fatal or silent, not "loud"',
    ]);
  });

  it('a public URL has no slash at its end, since issuer identifiers are compared as text (RFC 8414 §3.3)', () => {
    for (const [text, url] of [
      ['https://api.example.org', 'https://api.example.org'],
      ['https://API.example.org/', 'https://api.example.org'],
      ['https://api.example.org/gate//', 'https://api.example.org/gate'],
      ['http://[::1]:8000/', 'http://[::1]:8000'],
    ]) {
      expect(accepted(fromEnv({ PORTCULLIS_PUBLIC_URL: text! })).publicUrl, text).to.equal(url);
    }
  });

  describe('refuses a wrong value, and says what the setting takes', () => {
    const wrong: readonly (readonly [variable: string, value: string, says: RegExp])[] = [
      ['PORTCULLIS_STORE', 'redis://localhost', /takes lmdb:DIRECTORY, memory: or mongodb:/],
      ['PORTCULLIS_STORE', 'lmdb:~/store', /~ is not expanded/],
      ['PORTCULLIS_STORE', 'mongodb://', /takes lmdb/],
      ['PORTCULLIS_STORE_TIMEOUT', '0', /takes a number of seconds from 1 to 60/],
      ['PORTCULLIS_STORE_TIMEOUT', '61', /takes a number of seconds from 1 to 60/],
      ['PORTCULLIS_STORE_POOL', '0', /takes a number of connections from 1 to 500/],
      ['PORTCULLIS_STORE_POOL', '501', /takes a number of connections from 1 to 500/],
      ['PORTCULLIS_STALENESS_LIMIT', '30s', /takes a number of seconds from 0 to 3600/],
      ['PORTCULLIS_REAL_IP_HEADER', 'proxy_protocol', /cannot be proxy_protocol, which is not supported/],
      ['PORTCULLIS_REAL_IP_HEADER', 'X-Real IP', /takes the name of a header/],
      ['PORTCULLIS_REAL_IP_RECURSIVE', 'yes', /takes on or off/],
      ['PORTCULLIS_PUBLIC_URL', 'api.example.org', /takes an absolute URL/],
      ['PORTCULLIS_PUBLIC_URL', 'http://api.example.org', /must be https/],
      ['PORTCULLIS_PUBLIC_URL', 'https://api.example.org/?', /query or a fragment/],
      ['PORTCULLIS_PUBLIC_URL', 'https://a:b@api.example.org', /user name or password/],
      ['PORTCULLIS_TRUSTED_IPS', '10.0.0.0/33', /neither an address nor a network/],
      ['PORTCULLIS_TRUSTED_IPS', '10.0.0.0/8/8', /neither an address nor a network/],
      ['PORTCULLIS_TRUSTED_IPS', '10.0.0.0/', /neither an address nor a network/],
      ['PORTCULLIS_TRUSTED_IPS', 'unix:', /neither an address nor a network/],
      [
        'PORTCULLIS_HEADERS',
        'latency_tokens, X-Kong-Latency',
        /"X-Kong-Latency" is unknown; it takes off, or server_tokens/,
      ],
      ['PORTCULLIS_HEADERS', 'off, Via', /"off" is unknown/],
      ['KONG_HEADERS', 'constructor', /"constructor" is unknown/],
      ['PORTCULLIS_PLAIN_HTTP_TOKENS', 'always', /takes loopback or never/],
      ['PORTCULLIS_KEY', 'ab'.repeat(31), /shorter than 32 bytes/],
      ['PORTCULLIS_KEY', 'no key at all!', /neither hexadecimal nor base64url/],
      ['PORTCULLIS_ADMIN_TOKEN', 'short', /16 or more visible ASCII/],
      ['PORTCULLIS_ADMIN_HOSTS', 'gate:8001', /"gate:8001" is not a host name/],
      ['PORTCULLIS_ADMIN_HOSTS', 'http://gate', /is not a host name/],
      ['PORTCULLIS_WORKERS', 'many', /the only one supported yet is 1/],
      ['PORTCULLIS_DRAIN_LIMIT', '1h', /takes a number of seconds from 0 to 3600/],
      ['PORTCULLIS_DRAIN_LIMIT', '3601', /takes a number of seconds from 0 to 3600/],
      ['PORTCULLIS_SSL_CERT', '/cert.pem', /needs PORTCULLIS_SSL_CERT_KEY as well/],
      ['PORTCULLIS_SSL_CERT_KEY', '/key.pem', /needs PORTCULLIS_SSL_CERT as well/],
      ['PORTCULLIS_ADMIN_SSL_CERT', '/cert.pem', /needs PORTCULLIS_ADMIN_SSL_CERT_KEY as well/],
      ['PORTCULLIS_ADMIN_SSL_CERT_KEY', '/key.pem', /needs PORTCULLIS_ADMIN_SSL_CERT as well/],
      ['PORTCULLIS_STATUS_LISTEN', '127.0.0.1', /has no host and port/],
      ['PORTCULLIS_STATUS_LISTEN', '0.0.0.0:8000', /is a proxy listener already/],
      ['PORTCULLIS_STATUS_LISTEN', '127.0.0.1:8001', /is an Admin listener already/],
      ['PORTCULLIS_LOG_BUFFER', '65535', /takes a number of bytes from 65536 to 268435456/],
      ['PORTCULLIS_LOG_BUFFER', '1MB', /takes a number of bytes from 65536 to 268435456/],
      ['PORTCULLIS_ADMIN_LISTEN', '127.0.0.1:8000, 127.0.0.1:8000', /twice/],
    ];
    for (const [variable, value, says] of wrong) {
      it(`${variable}=${value}`, () => {
        const lines = refused(fromEnv({ [variable]: value }));
        expect(lines).to.have.length(1);
        expect(lines[0])
          .to.match(says)
          .and.satisfy((line: string) => line.startsWith(`${variable}: `));
      });
    }

    it('a value that ends with a colon without quotes, with its line and what to write', () => {
      const [line, ...more] = refused(read({ file: { path: 'f', text: 'log_level: info\nstore: memory:\n' } }));
      expect(line).to.match(/^f:2: .*; put a value that ends with a colon in quotes, as in store: "memory:"$/);
      expect(more).to.deep.equal([]);
    });

    it('a settings file that is not a list of names, with its line', () => {
      expect(refused(read({ file: { path: 'f', text: '- a\n' } }))).to.deep.equal([
        'f:1: a settings file has lines of the form name: value',
      ]);
      expect(refused(read({ file: { path: 'f', text: 'store: memory:\n  x: [\n' } }))[0]).to.match(/^f:\d+: /);
      expect(refused(read({ file: { path: 'f', text: 'store: { kind: memory }\n' } }))).to.deep.equal([
        'f:1 store: takes one value, or a list of them',
      ]);
      expect(refused(read({ file: { path: 'f', text: 'store: "memory:"\nstore: "lmdb:"\n' } }))[0]).to.match(
        /^f:2: .*unique/,
      );
    });

    it('the same address for both listeners', () => {
      const both = { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:9', PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:9' };
      expect(refused(fromEnv(both))).to.deep.equal([
        'PORTCULLIS_ADMIN_LISTEN: 127.0.0.1:9 is a proxy listener already',
      ]);
    });

    it('both listeners off', () => {
      const both = { PORTCULLIS_PROXY_LISTEN: 'off', PORTCULLIS_ADMIN_LISTEN: 'off' };
      expect(refused(fromEnv(both))[0]).to.match(/^PORTCULLIS_PROXY_LISTEN: .*nothing to do/);
    });
  });

  it('SE-02: no message repeats the value of a secret', () => {
    const secrets = names.filter((name) => settingCalled(name)?.secret === true);
    expect(secrets).to.include.members(['key', 'adminToken', 'store']);
    fc.assert(
      fc.property(fc.constantFrom(...secrets), fc.string({ minLength: 4, maxLength: 200 }), (name, noise) => {
        const value = `Zq7${noise}kV9`;
        const env = { [inEnvironment(name)]: value, PORTCULLIS_PROXY_LISTEN: 'wrong' };
        const reading = read({ env, flags: { 'no-such': value } });
        expect(JSON.stringify(reading)).not.to.include(JSON.stringify(value).slice(1, -1));
      }),
    );
  });

  describe('SE-13: an Admin listener that the network reaches', () => {
    const open = { PORTCULLIS_ADMIN_LISTEN: '0.0.0.0:8001' };
    it('is refused without a token', () => {
      expect(refused(fromEnv(open))[0]).to.match(
        /^PORTCULLIS_ADMIN_LISTEN: 0\.0\.0\.0:8001 can be reached .*PORTCULLIS_ADMIN_TOKEN/,
      );
      for (const host of ['[::]:1', '10.0.0.1:1', 'gate.internal:1', '[::ffff:10.0.0.1]:1', '0.0.0.0:0']) {
        expect(refused(fromEnv({ PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:1, ${host}` })), host).to.have.length(1);
      }
    });
    it('is accepted with one', () => {
      const reading = fromEnv({ ...open, PORTCULLIS_ADMIN_TOKEN: 'x'.repeat(16) });
      expect(accepted(reading).adminToken).to.equal('x'.repeat(16));
      expect(reading.warnings).to.deep.equal([]);
    });
    it('is accepted with the token none, with a warning', () => {
      const reading = fromEnv({ ...open, PORTCULLIS_ADMIN_TOKEN: 'none' });
      expect(accepted(reading).adminToken).to.equal(undefined);
      expect(reading.warnings).to.deep.equal([
        'PORTCULLIS_ADMIN_TOKEN: none: any caller that reaches 0.0.0.0:8001 can change everything',
      ]);
    });
    it('needs no token on a loopback address', () => {
      for (const host of ['127.0.0.1', '127.8.8.8', '[::1]', 'localhost']) {
        expect(fromEnv({ PORTCULLIS_ADMIN_LISTEN: `${host}:8001` }), host).to.include({ ok: true });
      }
    });
  });

  describe('has one master key', () => {
    const bytes = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i));
    it('in hex or base64url', () => {
      for (const key of [bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64url')]) {
        expect(accepted(fromEnv({ PORTCULLIS_KEY: key })).masterKey).to.deep.equal({ from: 'bytes', bytes });
      }
    });
    it('or in a file', () => {
      expect(accepted(fromEnv({ PORTCULLIS_KEY_FILE: '/run/key' })).masterKey).to.deep.equal({
        from: 'file',
        path: '/run/key',
        make: true,
      });
    });
    it('never in both', () => {
      const both = { PORTCULLIS_KEY: bytes.toString('hex'), PORTCULLIS_KEY_FILE: '/run/key' };
      expect(refused(fromEnv(both))).to.deep.equal([
        'PORTCULLIS_KEY_FILE: the master key is given twice, here and by PORTCULLIS_KEY; leave one out',
      ]);
    });
    it('which has to be given with a shared store', () => {
      const shared = { PORTCULLIS_STORE: 'mongodb://one,two/portcullis' };
      expect(refused(fromEnv(shared))[0]).to.match(/^PORTCULLIS_STORE: .*PORTCULLIS_KEY/);
      expect(accepted(fromEnv({ ...shared, PORTCULLIS_KEY: bytes.toString('hex') })).store).to.deep.equal({
        kind: 'mongodb',
        url: shared.PORTCULLIS_STORE,
      });
      expect(accepted(fromEnv({ ...shared, PORTCULLIS_KEY_FILE: '/run/key' })).masterKey).to.include({ make: false });
    });
    it('which causes a warning on the command line', () => {
      const { warnings } = read({ flags: { key: bytes.toString('hex') } });
      expect(warnings).to.deep.equal([
        '--key: every user of this machine can read a command line; use PORTCULLIS_KEY instead',
      ]);
    });
  });

  describe('reads the variables of Kong', () => {
    it('for which this gate has a setting', () => {
      const configuration = accepted(
        fromEnv({
          KONG_PROXY_LISTEN: '0.0.0.0:80 reuseport backlog=16384, 0.0.0.0:443 http2 ssl reuseport backlog=16384',
          KONG_ADMIN_LISTEN: '127.0.0.1:9001 reuseport backlog=16384, 127.0.0.1:9444 http2 ssl reuseport backlog=16384',
          KONG_ADMIN_SSL_CERT: '/admin.pem',
          KONG_ADMIN_SSL_CERT_KEY: '/admin-key.pem',
          KONG_STATUS_LISTEN: '0.0.0.0:8100',
          KONG_DECLARATIVE_CONFIG: '/kong/kong.yml',
          KONG_TRUSTED_IPS: '0.0.0.0/0,::/0',
          KONG_REAL_IP_HEADER: 'X-Forwarded-For',
          KONG_REAL_IP_RECURSIVE: 'on',
          KONG_SSL_CERT: '/cert.pem',
          KONG_SSL_CERT_KEY: '/key.pem',
          KONG_LOG_LEVEL: 'notice',
          KONG_NGINX_WORKER_PROCESSES: 'auto',
          KONG_UPSTREAM_KEEPALIVE_POOL_SIZE: '60',
          KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT: '30',
          KONG_UPSTREAM_KEEPALIVE_MAX_REQUESTS: '100',
        }),
      );
      expect(configuration.adminListen.map(({ port, ssl }) => [port, ssl])).to.deep.equal([
        [9001, false],
        [9444, true],
      ]);
      expect(configuration.statusListen.map(({ port }) => port)).to.deep.equal([8100]);
      expect(configuration.proxyListen.map(({ port, ssl, backlog }) => [port, ssl, backlog])).to.deep.equal([
        [80, false, 16_384],
        [443, true, 16_384],
      ]);
      expect(configuration).to.deep.include({
        config: '/kong/kong.yml',
        trustedIps: ['0.0.0.0/0', '::/0'],
        realIpHeader: 'X-Forwarded-For',
        realIpRecursive: 'on',
        tlsFiles: { certificate: '/cert.pem', key: '/key.pem' },
        adminTlsFiles: { certificate: '/admin.pem', key: '/admin-key.pem' },
        logLevel: 'info',
        workers: 1,
        upstreamKeepalivePoolSize: 60,
        upstreamKeepaliveIdleTimeout: 30_000,
        upstreamKeepaliveMaxRequests: 100,
      });
    });
    it('in a kong.conf too, with comments and quotes; the environment overrides it, our names override both', () => {
      const text = [
        '# Kong configuration',
        'proxy_listen = 0.0.0.0:80 reuseport # plain',
        '  log_level=notice',
        'trusted_ips = "10.0.0.0/8"',
        'declarative_config =',
        'database = postgres   # not here',
        'no setting at all',
      ].join('\n');
      const kongConf = { path: 'kong.conf', text };
      const reading = read({ kongConf });
      expect(accepted(reading)).to.deep.include({ logLevel: 'info', trustedIps: ['10.0.0.0/8'], config: undefined });
      expect(accepted(reading).proxyListen.map(({ port }) => port)).to.deep.equal([80]);
      expect(reading.warnings).to.include(
        'kong.conf:6 database is a setting of Kong that this gate does not have; it is ignored',
      );
      const env = { KONG_LOG_LEVEL: 'error' };
      expect(accepted(read({ kongConf, env })).logLevel).to.equal('error');
      expect(accepted(read({ kongConf, env, flags: { 'log-level': 'debug' } })).logLevel).to.equal('debug');
      expect(refused(read({ kongConf: { path: 'kong.conf', text: 'log_level = loud' } }))[0]).to.include('kong.conf:1');
    });
    it('and warns about each other variable once', () => {
      const reading = fromEnv({ KONG_DATABASE: 'postgres', KONG_PG_HOST: 'db', KONG_LOG_LEVEL: 'warn' });
      expect(accepted(reading).logLevel).to.equal('warn');
      expect(reading.warnings).to.deep.equal([
        'KONG_DATABASE is a setting of Kong that this gate does not have; it is ignored',
        'KONG_PG_HOST is a setting of Kong that this gate does not have; it is ignored',
      ]);
    });
    it('and refuses a wrong value under the name that was written', () => {
      for (const name of ['POOL_SIZE', 'IDLE_TIMEOUT', 'MAX_REQUESTS']) {
        for (const wrong of ['-1', '1.5', 'many']) {
          const kong = `KONG_UPSTREAM_KEEPALIVE_${name}`;
          expect(refused(fromEnv({ [kong]: wrong }))).to.have.length(1);
          expect(refused(fromEnv({ [kong]: wrong }))[0]).to.match(new RegExp(`^${kong}: .*not "${wrong}"`));
          const ours = `PORTCULLIS_UPSTREAM_KEEPALIVE_${name}`;
          expect(refused(fromEnv({ [ours]: wrong }))[0]).to.match(new RegExp(`^${ours}: `));
        }
      }
      expect(refused(fromEnv({ KONG_NGINX_WORKER_PROCESSES: '8' }))[0]).to.match(
        /^KONG_NGINX_WORKER_PROCESSES: 8 workers/,
      );
    });
  });

  it('ignores the variables that Kubernetes sets for a Service called portcullis or kong-admin', () => {
    const env = {
      PORTCULLIS_PORT: 'tcp://10.96.0.12:8000',
      PORTCULLIS_PORT_8000_TCP: 'tcp://10.96.0.12:8000',
      PORTCULLIS_PORT_8000_TCP_ADDR: '10.96.0.12',
      PORTCULLIS_PORT_8000_TCP_PORT: '8000',
      PORTCULLIS_PORT_8000_TCP_PROTO: 'tcp',
      PORTCULLIS_SERVICE_HOST: '10.96.0.12',
      PORTCULLIS_SERVICE_PORT: '8000',
      PORTCULLIS_SERVICE_PORT_PROXY_TLS: '8443',
      PORTCULLIS_PROXY_PORT: 'tcp://10.96.0.12:8000',
      KONG_ADMIN_SERVICE_HOST: '10.96.0.13',
    };
    const reading = read({ env });
    expect(accepted(reading)).to.deep.equal(accepted(read({})));
    expect(reading.warnings).to.deep.equal([]);
    expect(refused(fromEnv({ PORTCULLIS_PORT: '8000' }))).to.have.length(1);
  });

  it('describes each setting, and docs/configuration.md is current (npm run docs)', () => {
    for (const name of names) {
      const about = settingCalled(name);
      expect(about, name).to.include.keys('title', 'form', 'description', 'recommendation');
    }
    const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'configuration.md'), 'utf8');
    expect(page).to.equal(configurationPage());
  });

  describe('of a user without a home', () => {
    const homeless = (env: Record<string, string>) => readConfiguration({ env }, () => undefined);
    const stateDir = /^PORTCULLIS_STATE_DIR: has no default, because HOME is not set/;
    const keyFile = /^PORTCULLIS_KEY_FILE: has no default, because HOME is not set.*PORTCULLIS_KEY$/;
    const plain = { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0' };

    it('names what has to be set', () => {
      const [first, second, ...more] = refused(homeless({}));
      expect(first).to.match(stateDir);
      expect(second).to.match(keyFile);
      expect(more).to.deep.equal([]);
      expect(refused(homeless({ PORTCULLIS_STORE: 'memory:' }))).to.have.length(1);
      expect(refused(homeless({ ...plain, PORTCULLIS_STORE: 'lmdb:/store' }))).to.satisfy(([line]: string[]) =>
        keyFile.test(line!),
      );
    });

    it('is complete where the directories are named, or not needed', () => {
      accepted(homeless({ PORTCULLIS_STATE_DIR: '/state', PORTCULLIS_KEY_FILE: '/key' }));
      accepted(homeless({ ...plain, PORTCULLIS_STORE: 'lmdb:/store', PORTCULLIS_KEY: 'ab'.repeat(32) }));
      accepted(homeless({ ...plain, PORTCULLIS_STORE: 'memory:' }));
      const tls = { PORTCULLIS_SSL_CERT: '/cert.pem', PORTCULLIS_SSL_CERT_KEY: '/key.pem' };
      accepted(homeless({ ...tls, PORTCULLIS_STORE: 'memory:' }));
    });
  });
});

function accepted(reading: ConfigurationReading): Configuration {
  if (!reading.ok) throw new Error(`refused: ${reading.problems.map(problemLine).join('; ')}`);
  return reading.configuration;
}

function refused(reading: ConfigurationReading): string[] {
  if (reading.ok) throw new Error('was accepted');
  return reading.problems.map(problemLine);
}

function unique<T>(item: T, at: number, all: readonly T[]): boolean {
  return all.indexOf(item) === at;
}
