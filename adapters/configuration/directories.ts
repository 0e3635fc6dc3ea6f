import { join } from 'node:path';

/**
 * The default directories of the gate. `state` holds the store and the self-signed certificate; `settings` holds the
 * master key, so that a copy of one directory never contains both. Root has the directories of the system, other users
 * have their own, as the XDG base directory specification says.
 */
export interface Directories {
  readonly state: string;
  readonly settings: string;
}

export function directoriesOf(user: {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `undefined`: the user has none. */
  readonly home: string | undefined;
  readonly isRoot: boolean;
  readonly platform: NodeJS.Platform;
}): Directories | undefined {
  const { env, home, isRoot, platform } = user;
  if (platform === 'win32') {
    const data = env['LOCALAPPDATA'] || (home && join(home, 'AppData', 'Local'));
    if (!data) return undefined;
    const local = join(data, 'portcullis');
    return { state: join(local, 'state'), settings: join(local, 'settings') };
  }
  if (isRoot) return { state: '/var/lib/portcullis', settings: '/etc/portcullis' };
  const state = absolute(env['XDG_STATE_HOME']) ?? (home && join(home, '.local', 'state'));
  const settings = absolute(env['XDG_CONFIG_HOME']) ?? (home && join(home, '.config'));
  if (!state || !settings) return undefined;
  return { state: join(state, 'portcullis'), settings: join(settings, 'portcullis') };
}

/** "If an implementation encounters a relative path in any of these variables it should [...] ignore it." (XDG basedir) */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}
