/**
 * What each field of an entity means, for `/schemas` and the reference page of the Admin API. The settings of a plugin
 * have their descriptions next to their rules; the rules of entities are Kong's and have no descriptions.
 */
import type { Description, Field, Fields } from '../schema/description.ts';

type Meanings = { readonly [field: string]: string | Meanings };

const common: Meanings = {
  id: 'A UUID.',
  created_at: 'When the row was created, in seconds since 1970.',
  updated_at: 'When the row was last changed, in seconds since 1970.',
  name: 'A unique name. It can replace the id in paths.',
  tags: 'Labels to find rows by: `?tags=a,b` (all) or `?tags=a/b` (any).',
  consumer: 'The consumer that owns the credential.',
  enabled: 'false: the row is stored without effect.',
  client_certificate: 'The certificate that the gate presents to the upstream.',
};

const counts: Meanings = {
  http_statuses: 'Statuses that count as this result.',
  successes: 'Successes in a row that make a target healthy. 0: off.',
  tcp_failures: 'Failed connections that make a target unhealthy. 0: off.',
  timeouts: 'Timeouts that make a target unhealthy. 0: off.',
  http_failures: 'Responses with one of the statuses that make a target unhealthy. 0: off.',
  interval: 'Seconds between two probes. 0: no probes.',
};

const meanings: { readonly [entity: string]: Meanings } = {
  services: {
    retries: 'How often a failed attempt is retried.',
    protocol: 'The protocol of the upstream.',
    host: 'The host of the upstream, or the name of an `upstreams` entity.',
    port: 'The port of the upstream. With an `upstreams` entity each target has its own port.',
    path: 'Put before the path of each request.',
    connect_timeout: 'Milliseconds to connect.',
    write_timeout: 'Milliseconds between two writes to the upstream.',
    read_timeout: 'Milliseconds between two reads from the upstream.',
    tls_verify: 'Whether the certificate of the upstream is verified. Null: the setting `upstream_tls_verify`.',
    tls_verify_depth: 'Accepted without effect.',
    ca_certificates: 'Ids of the CA certificates that verify the upstream. Null: the default ones.',
  },
  routes: {
    protocols: 'Protocols that the route accepts.',
    https_redirect_status_code: 'The status for a plain HTTP request to a route that accepts HTTPS only.',
    strip_path: 'Whether the matched prefix is removed from the path.',
    preserve_host: "Whether the upstream gets the client's `Host`.",
    request_buffering: 'Accepted without effect: request bodies are streamed.',
    response_buffering: 'Accepted without effect: response bodies are streamed.',
    service: 'The service that gets the requests. Null: plugins only.',
    snis: 'Server names of TLS that match.',
    sources: 'For `tcp`, `tls` and `udp`, which the gate does not forward.',
    destinations: 'For `tcp`, `tls` and `udp`, which the gate does not forward.',
    methods: 'HTTP methods that match.',
    hosts: 'Hosts that match; `*.example.com` and `example.*` are wildcards.',
    paths: 'Prefixes that match; `~` starts a regular expression.',
    headers: 'Header fields that match: a list of values per name; `~*` starts a regular expression.',
    regex_priority: 'Among routes with regular expressions the highest number is tried first.',
    path_handling: 'Accepted as in Kong, where the router of this flavor treats `v1` as `v0`.',
  },
  consumers: {
    username: 'A unique name. It can replace the id in paths.',
    custom_id: 'The id of the consumer in another system.',
  },
  plugins: {
    name: 'Which plugin: see the page of plugin settings.',
    instance_name: 'A unique name of this instance. It can replace the id in paths.',
    route: 'Applies to requests of this route only.',
    service: 'Applies to requests of this service only.',
    consumer: 'Applies to requests of this consumer only.',
    config: 'The settings of the plugin.',
    protocols: 'Applies to requests with these protocols only.',
  },
  keyauth_credentials: {
    key: 'The API key.',
    ttl: 'Seconds until the key expires.',
  },
  basicauth_credentials: {
    username: 'The user name.',
    password: 'The password. The gate stores and prints its PBKDF2 hash.',
  },
  hmacauth_credentials: {
    username: 'The user name in the signature.',
    secret: 'The key of the signature.',
  },
  jwt_secrets: {
    key: 'The value of the claim that names the credential (`iss` by default).',
    secret: 'The key of the algorithms HS256, HS384 and HS512.',
    rsa_public_key: 'The public key of the other algorithms, in PEM.',
    algorithm: 'The algorithm of the tokens.',
  },
  acls: { group: 'A group that the consumer belongs to.' },
  upstreams: {
    name: 'A host name that services use as `host`.',
    algorithm: 'How a target is selected.',
    hash_on: 'What is hashed.',
    hash_fallback: 'What is hashed where `hash_on` finds nothing.',
    hash_on_header: 'The header field to hash.',
    hash_fallback_header: 'The header field to hash.',
    hash_on_cookie: 'The cookie to hash. The response sets it where it is missing.',
    hash_on_cookie_path: 'The path of that cookie.',
    hash_on_query_arg: 'The query parameter to hash.',
    hash_fallback_query_arg: 'The query parameter to hash.',
    hash_on_uri_capture: 'The capture of the regex path to hash.',
    hash_fallback_uri_capture: 'The capture of the regex path to hash.',
    slots: 'Accepted without effect: the hash has no ring.',
    healthchecks: {
      active: {
        type: 'The protocol of probes.',
        timeout: 'Seconds until a probe times out.',
        concurrency: 'How many targets are probed at once.',
        http_path: 'The path of probes.',
        https_sni: 'The server name of TLS probes.',
        https_verify_certificate: 'Whether probes verify the certificate.',
        headers: 'Header fields of probes.',
        healthy: counts,
        unhealthy: counts,
      },
      passive: { type: 'Accepted as in Kong.', healthy: counts, unhealthy: counts },
      threshold: 'Percent of the weight that must be healthy. Below it every request gets 503.',
    },
    host_header: 'The `Host` that targets get.',
    use_srv_name: 'Accepted without effect: SRV records are not used.',
  },
  targets: {
    upstream: 'The upstream that the target belongs to.',
    target: 'Host and port: `10.0.0.1:8080`.',
    weight: 'The share of the requests. 0: none.',
  },
  certificates: {
    cert: 'The certificate chain, in PEM.',
    key: 'The private key, in PEM.',
    cert_alt: 'A second chain with another type of key. It is stored, not served.',
    key_alt: 'The private key of the second chain.',
  },
  snis: {
    name: 'A server name; `*.example.com` and `example.*` are wildcards.',
    certificate: 'The certificate that is served for this name.',
  },
  keys: {
    set: 'The set that the key belongs to. It is deleted with the set.',
    kid: 'The id of the key, unique in its set.',
    jwk: 'The key as a JWK, in one string. Either this or `pem`. No plugin of this gate reads it.',
    pem: {
      private_key: 'The private key, in PEM.',
      public_key: 'The public key, in PEM.',
    },
  },
  ca_certificates: {
    cert: 'The CA certificate, in PEM.',
    cert_digest: 'Its SHA-256 digest.',
  },
};

/** The description with a meaning for each field that has none. */
export function withMeanings(description: Description): Description {
  return { ...description, fields: described(description.fields, { ...common, ...meanings[description.name] }) };
}

function described(fields: Fields, meaningOf: Meanings): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, describe(field, meaningOf[name])]));
}

function describe(field: Field, meaning: string | Meanings | undefined): Field {
  if (typeof meaning === 'string') return { description: meaning, ...field };
  return meaning !== undefined && field.type === 'record'
    ? { ...field, fields: described(field.fields, meaning) }
    : field;
}
