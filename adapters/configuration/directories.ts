import { join } from 'node:path';

/**
 * Where the gate keeps things when nobody says otherwise: `state` for what it can make anew or has stored, and
 * `settings` for the master key, so that a copy of the one never holds the other. For root the system's directories,
 * for anybody else the user's, by the XDG base directory specification.
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
