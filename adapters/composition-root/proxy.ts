/** The listeners for proxied calls, and the certificates that they and the upstream connections use. */
import { hostname } from 'node:os';
import { defaultRealIp } from '../../src/gateway/forwarded.ts';
import type { Configuration } from '../configuration.ts';
import { handedOverEndpoints } from '../http/oauth-endpoints.ts';
import type { Log } from '../logging.ts';
import type { TargetHealthChange } from '../proxy/environment.ts';
import type { Certificate } from '../proxy/listener/listen.ts';
import { openProxy } from '../proxy/open-proxy.ts';
import { liveCertificates } from '../tls/live-certificates.ts';
import { renewedCertificate } from '../tls/renewed-certificate.ts';
import { type CertificateSource, type ServerCertificate, serverCertificate } from '../tls/server-certificate.ts';
import { kindIn } from './kinds.ts';
import { partsOf, type TlsCertificate, tokens as t } from './parts.ts';

export const proxy = partsOf((provide) => {
  provide(
    t.certificates,
    { store: t.entityStore, entities: t.entities, announcements: t.announcements, log: t.log },
    ({ store, entities, announcements, log }) =>
      liveCertificates({
        store,
        kinds: {
          certificates: kindIn(entities, 'certificates'),
          snis: kindIn(entities, 'snis'),
          caCertificates: kindIn(entities, 'ca_certificates'),
        },
        announcements,
        secondUnused: (id) =>
          log.warn({ certificate: id }, 'cert_alt is ignored: a server name has one certificate in this gate'),
        failed: (id, error) => log.error({ err: error, certificate: id }, 'a certificate cannot be used'),
      }),
    (certificates) => certificates.close(),
  );
  provide(
    t.tlsCertificate,
    { configuration: t.configuration, log: t.log },
    ({ configuration, log }) => tlsCertificate(configuration, log),
    (certificate) => certificate.close(),
  );
  provide(
    t.proxy,
    {
      configuration: t.configuration,
      snapshot: t.snapshot,
      tls: t.tlsCertificate,
      certificates: t.certificates,
      server: t.authorizationServer,
      metrics: t.metrics,
      budgets: t.budgets,
      log: t.log,
    },
    async ({ configuration, snapshot, tls: { renewed }, certificates, server, metrics, budgets, log }) => {
      const { realIpHeader } = configuration;
      if (configuration.trustedIps.length > 0 && realIpHeader === undefined) {
        log.warn({ setting: 'real_ip_header' }, realIpNotSet);
      }
      const opened = await openProxy({
        listen: configuration.proxyListen,
        ...(renewed === undefined ? {} : { certificate: asServed(renewed.current) }),
        contextFor: certificates.contextFor,
        snapshot: snapshot.current,
        upstream: {
          certificates,
          idleLimit: configuration.upstreamKeepalivePoolSize,
          idleTimeout: configuration.upstreamKeepaliveIdleTimeout,
          requestLimit: configuration.upstreamKeepaliveMaxRequests,
        },
        trustedIps: configuration.trustedIps,
        headers: configuration.headers,
        limits: { clientBody: configuration.limitBodyTime },
        budgets,
        realIp: {
          header: realIpHeader?.toLowerCase() ?? defaultRealIp.header,
          recursive: configuration.realIpRecursive === 'on',
        },
        ...(realIpHeader === undefined && {
          forwardedForIgnored: () => log.warn({ setting: 'real_ip_header' }, forwardedForIgnored),
        }),
        serveEndpoint: handedOverEndpoints(
          server,
          (error) => log.error({ err: error }, 'a token request failed'),
          metrics.countTokens,
        ),
        log(entry) {
          metrics.count(entry);
          log.request(entry);
        },
        failed: (error, about) => log.error({ err: error, ...about }, 'a request failed'),
        upstreamFailed(problem) {
          metrics.countUpstreamError(problem);
          log.warn(problem, 'an upstream could not be reached');
        },
        targetHealthChanged: (change) => logHealthChange(log, change, 'passive'),
      });
      renewed?.onRenewed((certificate) => opened.setCertificate(asServed(certificate)));
      return opened;
    },
  );
});

const advice =
  'Set real_ip_header to X-Forwarded-For with real_ip_recursive, if your proxies send that; set it to X-Real-IP to keep the default';
const realIpNotSet = `real_ip_header is not set: client addresses are read from X-Real-IP of trusted proxies. ${advice}`;
const forwardedForIgnored = `a trusted proxy sent X-Forwarded-For without X-Real-IP, so the proxy counts as the client. ${advice}`;

export function logHealthChange(log: Log, change: TargetHealthChange, by: 'active' | 'passive'): void {
  if (change.healthy) log.info({ ...change, by }, 'a target is healthy again');
  else log.warn({ ...change, by }, 'a target became unhealthy');
}

/** The certificate of the proxy, which the other listeners have as well unless they have one of their own. */
function tlsCertificate(configuration: Configuration, log: Log): Promise<TlsCertificate> {
  const { proxyListen, adminListen, statusListen, adminTlsFiles } = configuration;
  const others = adminTlsFiles === undefined ? [...adminListen, ...statusListen] : statusListen;
  if (![...proxyListen, ...others].some(({ ssl }) => ssl)) return Promise.resolve({ renewed: undefined, close() {} });
  return renewedDaily(configuration, log);
}

/** The certificate of the Admin API; the certificate of the proxy where none is configured. */
export function adminCertificate(configuration: Configuration, log: Log): Promise<TlsCertificate> {
  const { adminTlsFiles: tlsFiles, adminListen, stateDirectory } = configuration;
  if (tlsFiles === undefined || !adminListen.some(({ ssl }) => ssl)) {
    return Promise.resolve({ renewed: undefined, close() {} });
  }
  return renewedDaily({ tlsFiles, stateDirectory, setting: 'admin_ssl_cert' }, log);
}

async function renewedDaily(source: CertificateSource, log: Log): Promise<TlsCertificate> {
  const renewed = await renewedCertificate(() => serverCertificate(source, { now: new Date(), name: hostname() }), {
    warned: (warning) => log.warn(warning),
    renewed: ({ path, expiresAt }) => log.info({ file: path, expiresAt }, 'TLS listeners use a new certificate'),
    failed: (error) => log.error({ err: error }, 'the certificate could not be renewed; the old one stays in use'),
  });
  const timer = setInterval(() => void renewed.reload(), 24 * 60 * 60 * 1000).unref();
  return { renewed, close: () => clearInterval(timer) };
}

const asServed = ({ certificate, key }: ServerCertificate): Certificate => ({ cert: certificate, key });
