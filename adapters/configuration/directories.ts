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
  readonly home: string;
  readonly isRoot: boolean;
  readonly platform: NodeJS.Platform;
}): Directories {
  const { env, home, isRoot, platform } = user;
  if (platform === 'win32') {
    const local = join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'portcullis');
    return { state: join(local, 'state'), settings: join(local, 'settings') };
  }
  if (isRoot) return { state: '/var/lib/portcullis', settings: '/etc/portcullis' };
  return {
    state: join(absolute(env['XDG_STATE_HOME']) ?? join(home, '.local', 'state'), 'portcullis'),
    settings: join(absolute(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'portcullis'),
  };
}

/** "If an implementation encounters a relative path in any of these variables it should [...] ignore it." (XDG basedir) */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') ? path : undefined;
}
