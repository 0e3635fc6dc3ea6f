/** All entities of the gate. A new one needs a description and a line here. */
import type { Description } from '../schema/description.ts';
import { acls } from './acls.ts';
import { basicauthCredentials } from './basicauth-credentials.ts';
import { caCertificates } from './ca-certificates.ts';
import { certificates } from './certificates.ts';
import { consumers } from './consumers.ts';
import { hmacauthCredentials } from './hmacauth-credentials.ts';
import { jwtSecrets } from './jwt-secrets.ts';
import { keySets } from './key-sets.ts';
import { keyauthCredentials } from './keyauth-credentials.ts';
import { keys } from './keys.ts';
import { withMeanings } from './meanings.ts';
import { oauth2Credentials } from './oauth2-credentials.ts';
import { oauth2Tokens } from './oauth2-tokens.ts';
import { type PluginDescriptions, plugins } from './plugins.ts';
import { routes } from './routes.ts';
import { services } from './services.ts';
import { snis } from './snis.ts';
import { targets } from './targets.ts';
import { upstreams } from './upstreams.ts';

/** By name, each after the entities that it refers to. */
export type Entities = ReadonlyMap<string, Description>;

export function describeEntities(known: PluginDescriptions): Entities {
  const all = [
    certificates,
    snis,
    caCertificates,
    keySets,
    keys,
    upstreams,
    targets,
    services,
    routes,
    consumers,
    plugins(known),
    oauth2Credentials,
    oauth2Tokens,
    keyauthCredentials,
    basicauthCredentials,
    hmacauthCredentials,
    jwtSecrets,
    acls,
  ];
  return new Map(all.map((description) => [description.name, withMeanings(description)]));
}
