/** The settings of the gate under Kong's names, as `GET /` shows them: tools look for listeners and for the router here. */
import { printedHostAndPort } from '../../src/address/host.ts';
import type { PluginDescription } from '../../src/entities/plugins.ts';
import { type GateHeaders, sentHeaders } from '../../src/gateway/gate-headers.ts';
import type { JsonObject } from '../../src/schema/description.ts';

export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly ssl: boolean;
  readonly http2: boolean;
  readonly reusePort: boolean;
  readonly backlog: number | undefined;
}

export interface RuntimeSettings {
  readonly proxyListen: readonly Listener[];
  readonly adminListen: readonly Listener[];
  readonly statusListen: readonly Listener[];
  /** Addresses and networks. */
  readonly trustedIps: readonly string[];
  readonly headers: GateHeaders;
}

export function kongSettings(
  { proxyListen, adminListen, statusListen, trustedIps, headers }: RuntimeSettings,
  plugins: readonly PluginDescription[],
): JsonObject {
  return {
    admin_listen: listenTexts(adminListen),
    admin_listeners: adminListen.map(kongListener),
    admin_ssl_enabled: adminListen.some(({ ssl }) => ssl),
    headers: sentHeaders(headers),
    loaded_plugins: Object.fromEntries(plugins.map(({ name }) => [name, true])),
    plugins: ['bundled'],
    proxy_listen: listenTexts(proxyListen),
    proxy_listeners: proxyListen.map(kongListener),
    proxy_ssl_enabled: proxyListen.some(({ ssl }) => ssl),
    role: 'traditional',
    router_flavor: 'traditional_compatible',
    status_listen: listenTexts(statusListen),
    status_listeners: statusListen.map(kongListener),
    stream_listen: ['off'],
    stream_listeners: [],
    trusted_ips: trustedIps,
  };
}

function listenTexts(listeners: readonly Listener[]): readonly string[] {
  return listeners.length === 0 ? ['off'] : listeners.map(listenText);
}

function listenText({ ssl, http2, reusePort, backlog, ...address }: Listener): string {
  const flags = [
    ssl ? ' ssl' : '',
    http2 ? ' http2' : '',
    reusePort ? ' reuseport' : '',
    backlog === undefined ? '' : ` backlog=${backlog}`,
  ];
  return `${printedHostAndPort(address)}${flags.join('')}`;
}

function kongListener(listener: Listener): JsonObject {
  const { host, port, ssl, http2, reusePort, backlog } = listener;
  return {
    ip: host.includes(':') ? `[${host}]` : host,
    port,
    ssl,
    http2,
    reuseport: reusePort,
    ...(backlog === undefined ? {} : { [`backlog=${backlog}`]: true }),
    bind: false,
    deferred: false,
    proxy_protocol: false,
    listener: listenText(listener),
  };
}
