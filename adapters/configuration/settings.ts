/**
 * The settings of the gate: what each of them means, what we recommend, and how its text is read. The environment, the
 * command line and a file use the same names; docs/configuration.md and `--help` are written from this table.
 *
 *   proxy_listen (file)  =  PORTCULLIS_PROXY_LISTEN (environment)  =  --proxy-listen (command line)
 */
import { limitSettings } from './limit-settings.ts';
import { readListens } from './listen.ts';
import type { Setting } from './setting.ts';
import {
  oneOf,
  readAddresses,
  readAdminToken,
  readHeaders,
  readHosts,
  readKey,
  readLogLevel,
  readNames,
  readPath,
  readPaths,
  readPublicUrl,
  readRealIpHeader,
  readStore,
  readWorkers,
  secondsFrom,
  wholeNumber,
} from './values.ts';

export const settings = {
  proxyListen: {
    title: 'Proxy listeners',
    form: 'host:port [ssl] [http2] [reuseport] [backlog=N] [ipv6only=on] [so_keepalive=…], …; or off',
    description:
      'Addresses that accept calls to the guarded services, in Kong’s grammar. Write an IPv6 address in brackets. Port 0 takes any free port.',
    recommendation: 'Keep the TLS listener: the gate issues tokens over TLS only, except over plain HTTP on loopback.',
    default: '0.0.0.0:8000, 0.0.0.0:8443 http2 ssl',
    kong: 'PROXY_LISTEN',
    read: readListens,
  },
  adminListen: {
    title: 'Admin listeners',
    form: 'host:port [ssl], …; or off',
    description:
      'Addresses of the Admin API, in the grammar of `proxy_listen`. `ssl` serves it over TLS, with the certificate of the proxy or with `admin_ssl_cert`. HTTP/2 is not served here; `http2` has no effect. An address off loopback needs `admin_token`.',
    recommendation:
      'Keep it on loopback and reach it through SSH or a sidecar. A caller of the Admin API controls the whole gate.',
    default: '127.0.0.1:8001',
    kong: 'ADMIN_LISTEN',
    read: readListens,
  },
  adminToken: {
    title: 'Admin token',
    form: '16 visible ASCII characters or more; or none',
    description:
      'The token that a caller of the Admin API presents as `Authorization: Bearer …`. `none` opens an Admin listener off loopback to every caller; the gate logs a warning about it at each start.',
    recommendation: 'Make one with `openssl rand -hex 32`. Use `none` only behind a network policy that does the same.',
    otherwise: 'no token on loopback; off loopback the gate does not start',
    secret: true,
    read: readAdminToken,
  },
  adminSslCert: {
    title: 'TLS certificate of the Admin API',
    form: 'path of a PEM file',
    description:
      'The certificate of Admin listeners with `ssl`, followed by its chain. Read again each day and on SIGHUP, as `ssl_cert`.',
    recommendation: 'Leave it out, unless the Admin API has another name.',
    otherwise: 'the certificate of the proxy',
    kong: 'ADMIN_SSL_CERT',
    read: readPath,
  },
  adminSslCertKey: {
    title: 'TLS certificate key of the Admin API',
    form: 'path of a PEM file',
    description: 'The private key of `admin_ssl_cert`, without a passphrase.',
    recommendation: 'Readable only by the gate.',
    otherwise: 'the key of the proxy',
    kong: 'ADMIN_SSL_CERT_KEY',
    read: readPath,
  },
  statusListen: {
    title: 'Status listeners',
    form: 'host:port [ssl], …; or off',
    description:
      'Addresses for load balancers and Prometheus, without a token: `/status`, `/status/live`, `/status/ready` and `/metrics`, and nothing else. `/status/ready` is 200 when the gate serves and its store responds, and 503 while it starts or drains. It opens before the proxy and closes after it.',
    recommendation: 'An address that only your balancer and your monitoring reach, as in `0.0.0.0:8100`.',
    default: 'off',
    kong: 'STATUS_LISTEN',
    read: readListens,
  },
  adminHosts: {
    title: 'Names of the Admin API',
    form: 'host name, …; or *',
    description:
      'Host names under which callers reach the Admin API, in addition to loopback names and the listen address. The gate refuses requests for other names, so that a web page cannot reach the Admin API under its own name (DNS rebinding). `*` accepts any name.',
    recommendation: 'The name of the container, or the internal DNS name that your tools use.',
    default: '',
    read: readHosts,
  },
  store: {
    title: 'Store',
    form: 'lmdb:DIRECTORY, memory: or mongodb://…',
    description:
      'Where the gate keeps services, routes, consumers, codes and tokens. `lmdb:` alone is the directory `store` in the state directory. `memory:` loses everything when the gate stops. For `mongodb://…` see [mongodb.md](mongodb.md).',
    recommendation: '`lmdb:` for one machine, `mongodb://…` for several.',
    default: 'lmdb:',
    secret: true,
    read: readStore,
  },
  storeTimeout: {
    title: 'Store timeout',
    form: 'seconds, 1 to 60',
    description:
      'How long one operation on a MongoDB store may take, including the connection, the wait for a primary and one retry. After that the gate responds with 503 and Retry-After.',
    recommendation:
      'The default. Set it above the election time of your replica set only if your clients can wait that long.',
    default: '2',
    read: secondsFrom(1, 60),
  },
  storePool: {
    title: 'Store connections',
    form: 'number, 1 to 500',
    description: 'The largest number of connections from one gate to a MongoDB store.',
    recommendation: 'The default. The sum over all gates has to stay below the limit of the server.',
    default: '20',
    read: wholeNumber('connections', 1, 500),
  },
  stalenessLimit: {
    title: 'Staleness limit',
    form: 'seconds, 0 to 3600',
    description:
      'How long the gate still admits tokens that it has seen before while a MongoDB store does not respond. If another gate revokes a token in that time, this gate notices at the end of it, or when the store responds again. With 0 the gate admits no token without the store.',
    recommendation: 'The time for which you accept a revoked token during an outage.',
    default: '30',
    read: secondsFrom(0, 3600),
  },
  config: {
    title: 'Declarative configuration',
    form: 'path of a YAML or JSON file',
    description:
      'A file in the form of kong.yml. Its services, routes, plugins, consumers and credentials are the configuration, and the Admin API cannot change them. Tokens still go into the store. SIGHUP and `portcullis reload` read the file again. See [files.md](files.md).',
    recommendation: 'Keep it under version control, with client secrets as hashes.',
    otherwise: 'only the configuration that the Admin API wrote',
    kong: 'DECLARATIVE_CONFIG',
    read: readPath,
  },
  configTakesOver: {
    title: 'The file takes over',
    form: 'yes or no',
    description:
      'Whether `config` may change and delete what the Admin API wrote into the store before. With `no` the gate refuses such a start, and nothing is lost.',
    recommendation:
      '`yes` for the one start that moves a gate from the Admin API to a file, after `portcullis export`.',
    default: 'no',
    read: oneOf('yes', 'no'),
  },
  skipPlugins: {
    title: 'Plugins to skip',
    form: 'name, …',
    description:
      'Plugins in the file that this gate does not have; it loads the file without them. Plugins that authenticate or limit cannot be skipped.',
    recommendation: 'Empty: load a file as it is.',
    default: '',
    read: readNames,
  },
  pluginModules: {
    title: 'Plugins of your own',
    form: 'path of a module, …',
    description:
      'Modules that export a plugin as `plugin`; JavaScript, or TypeScript that Node can run. They run inside the gate, with all its rights. See [plugins.md](plugins.md).',
    recommendation: 'Only modules that you wrote or have read.',
    default: '',
    read: readPaths,
  },
  publicUrl: {
    title: 'Public URL',
    form: 'https://host[:port][/path]',
    description:
      'The address under which clients reach the gate. The issuer in metadata is made from it, never from a Host header (RFC 8414 §2).',
    recommendation: 'Set it when clients read metadata.',
    otherwise: 'no metadata that needs it is published',
    read: readPublicUrl,
  },
  trustedIps: {
    title: 'Trusted proxies',
    form: 'address or network, …, as in 10.0.0.0/8, 2001:db8::1',
    description:
      'Peers whose X-Forwarded-For, -Proto, -Host and -Port, and whose `real_ip_header`, the gate accepts. It replaces those fields from all other peers (RFC 9700 §4.13).',
    recommendation: 'The addresses of your load balancers, and no others.',
    default: '',
    kong: 'TRUSTED_IPS',
    read: readAddresses,
  },
  upstreamKeepalivePoolSize: {
    title: 'Idle upstream connections',
    form: 'number, 0 to 100000',
    description:
      'How many idle connections the gate keeps for the next requests to one upstream address. With 0 each request uses a new connection.',
    recommendation:
      'The default. Less where an upstream has a low limit of connections; the sum over all gates counts there.',
    default: '512',
    kong: 'UPSTREAM_KEEPALIVE_POOL_SIZE',
    read: wholeNumber('connections', 0, 100_000),
  },
  upstreamKeepaliveIdleTimeout: {
    title: 'Idle time of upstream connections',
    form: 'seconds, 0 to 86400',
    description:
      'How long the gate keeps an idle connection to an upstream. Where a response has `Keep-Alive: timeout=N`, the connection is kept for a second less than N at most. With 0 the gate keeps it until the upstream closes it.',
    recommendation:
      'Less than the time after which your upstreams, or a firewall in front of them, close idle connections. A POST that is sent while the upstream closes its connection fails.',
    default: '60',
    kong: 'UPSTREAM_KEEPALIVE_IDLE_TIMEOUT',
    read: secondsFrom(0, 86_400),
  },
  upstreamKeepaliveMaxRequests: {
    title: 'Requests on an upstream connection',
    form: 'number, 0 to 999999999',
    description:
      'How many requests the gate sends on one connection to an upstream; it closes the connection after the last one. With 0 there is no limit.',
    recommendation: 'The default. Less where your upstreams close a connection themselves after fewer requests.',
    default: '10000',
    kong: 'UPSTREAM_KEEPALIVE_MAX_REQUESTS',
    read: wholeNumber('requests', 0, 999_999_999),
  },
  headers: {
    title: 'Headers of the gate',
    form: 'off; or server_tokens, latency_tokens, or names of fields',
    description:
      'Header fields that the gate adds to responses. `server_tokens`: Server and Via. `latency_tokens`: X-Kong-Proxy-Latency and X-Kong-Upstream-Latency of forwarded requests, X-Kong-Response-Latency of responses of the gate itself, X-Kong-Admin-Latency. X-Kong-Upstream-Status and X-Kong-Request-Id by name. The log has the request id in any case.',
    recommendation: 'The default. `X-Kong-Request-Id` alone tells callers less about the gate.',
    default: 'server_tokens, latency_tokens, X-Kong-Request-Id',
    kong: 'HEADERS',
    read: readHeaders,
  },
  realIpHeader: {
    title: 'Header with the client address',
    form: 'name of a header, as X-Forwarded-For',
    description:
      'The header in which a trusted proxy names the address of its client, for ip-restriction, rate limits, the log and `X-Real-IP` upstream. The last address in it counts. Headers of peers that are not in `trusted_ips` are never read.',
    recommendation:
      'Set it together with `trusted_ips`: `X-Forwarded-For` with `real_ip_recursive` on, or `X-Real-IP`, as your proxies send it. While it is not set, the gate warns.',
    otherwise: 'X-Real-IP',
    kong: 'REAL_IP_HEADER',
    read: readRealIpHeader,
  },
  realIpRecursive: {
    title: 'Skip trusted proxies in the header',
    form: 'on or off',
    description:
      '`on` skips addresses of trusted proxies in `real_ip_header`, from the last to the first, and uses the first that is not trusted. `off` uses the last address.',
    recommendation: '`on` with `X-Forwarded-For` behind more than one proxy.',
    default: 'off',
    kong: 'REAL_IP_RECURSIVE',
    read: oneOf('on', 'off'),
  },
  plainHttpTokens: {
    title: 'Tokens over plain HTTP',
    form: 'loopback or never',
    description:
      '`loopback` accepts a token request over plain HTTP if it comes from this machine, names a loopback host, and was not forwarded by a proxy. All other token requests need TLS (RFC 6749 §2.3.1).',
    recommendation: '`never` on a machine with other users that you do not trust, or with a proxy on the same machine.',
    default: 'loopback',
    read: oneOf('loopback', 'never'),
  },
  key: {
    title: 'Master key',
    form: '32 bytes or more, in hex or base64url',
    description:
      'The key that encrypts secrets and tokens in the store. All nodes on one store need the same key. The gate does not start on a store that was written with another key.',
    recommendation:
      'Make one with `openssl rand -hex 32` and keep a copy away from the store: without the key, encrypted data is lost.',
    otherwise: 'the key in key_file',
    secret: true,
    read: readKey,
  },
  keyFile: {
    title: 'Master key file',
    form: 'path of a file',
    description:
      'A file that holds the master key in the same form. With the lmdb store the first start makes it, readable only by its owner; with MongoDB it has to exist.',
    recommendation: 'A secret that your orchestrator mounts. Never in the directory of the store.',
    otherwise: 'the file master.key in the configuration directory of the user, or of the system for root',
    read: readPath,
  },
  workers: {
    title: 'Workers',
    form: '1',
    description: 'The number of processes that share the work. Only 1 is supported so far; other values are refused.',
    recommendation: 'To use more cores, run several gates on one MongoDB store.',
    default: '1',
    kong: 'NGINX_WORKER_PROCESSES',
    read: readWorkers,
  },
  ...limitSettings,
  logLevel: {
    title: 'Log level',
    form: 'trace, debug, info, warn, error, fatal or silent',
    description:
      'The lowest level that is logged. Each request is one line at `info`. No level shows a token, a secret or a query string. Kong’s names are accepted: notice is info; crit, alert and emerg are fatal.',
    recommendation: '`info`; `warn` where a proxy in front of the gate already writes the access log.',
    default: 'info',
    kong: 'LOG_LEVEL',
    read: readLogLevel,
  },
  logFile: {
    title: 'Log file',
    form: 'path of a file',
    description:
      'The gate appends its log to this file instead of standard output. SIGUSR1 opens the file again, after a rotation.',
    recommendation: 'Leave it out where a supervisor or a container runtime collects standard output.',
    otherwise: 'standard output',
    read: readPath,
  },
  logBuffer: {
    title: 'Log buffer',
    form: 'bytes, 65536 to 268435456',
    description:
      'How many bytes of the log wait in memory while its reader is slow or its disk is full. Lines beyond it are lost. `portcullis_log_lines_lost_total` counts them, and the log names their number when it can be written again. Calls never wait for the log.',
    recommendation: 'The default.',
    default: '4194304',
    read: wholeNumber('bytes', 65_536, 268_435_456),
  },
  drainLimit: {
    title: 'Drain limit',
    form: 'seconds, 0 to 3600',
    description:
      'After SIGTERM, SIGINT or SIGQUIT the gate accepts no new connections, finishes the requests in flight and exits. After this time it closes the connections that are left.',
    recommendation:
      'A little less than the time after which your orchestrator kills (docker stop: 10 s, Kubernetes: 30 s).',
    default: '10',
    read: secondsFrom(0, 3600),
  },
  sslCert: {
    title: 'TLS certificate',
    form: 'path of a PEM file',
    description:
      'The certificate of the TLS listeners, followed by its chain. The gate reads it again each day and on SIGHUP, and uses a new one without a restart.',
    recommendation: 'A certificate of an authority that your clients trust.',
    otherwise: 'a self-signed certificate in the state directory, made at the first start and renewed in time',
    kong: 'SSL_CERT',
    read: readPath,
  },
  sslCertKey: {
    title: 'TLS certificate key',
    form: 'path of a PEM file',
    description: 'The private key of ssl_cert, without a passphrase.',
    recommendation: 'Readable only by the gate.',
    otherwise: 'the key of the self-signed certificate',
    kong: 'SSL_CERT_KEY',
    read: readPath,
  },
  stateDir: {
    title: 'State directory',
    form: 'path of a directory',
    description:
      'Where the lmdb store and the self-signed certificate are, unless other settings name a place. Created if needed, readable only by its owner.',
    recommendation: 'A volume that is kept when the container is replaced.',
    otherwise: '/var/lib/portcullis for root, else portcullis in $XDG_STATE_HOME (~/.local/state)',
    read: readPath,
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as SettingName[];

type ValueOf<S extends Setting> =
  | Extract<ReturnType<S['read']>, { readonly value: unknown }>['value']
  | (S extends { readonly default: string } ? never : undefined);

/** The value of each setting; `undefined` where none was given and there is no default. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> };

/** The same table for a reader who knows no names. */
export const settingCalled = (name: SettingName): Setting => settings[name];
