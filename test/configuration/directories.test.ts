import { expect } from 'chai';
import { directoriesOf } from '../../adapters/configuration/directories.ts';

const ada = { env: {}, home: '/home/ada', isRoot: false, platform: 'linux' } as const;

describe('The default directories', () => {
  it('are those of the XDG specification for a user', () => {
    expect(directoriesOf(ada)).to.deep.equal({
      state: '/home/ada/.local/state/portcullis',
      settings: '/home/ada/.config/portcullis',
    });
    const env = { XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c' };
    expect(directoriesOf({ ...ada, env })).to.deep.equal({ state: '/s/portcullis', settings: '/c/portcullis' });
  });

  it('ignore a variable with a relative path: "must be absolute"', () => {
    const env = { XDG_STATE_HOME: 's', XDG_CONFIG_HOME: '' };
    expect(directoriesOf({ ...ada, env })).to.deep.equal(directoriesOf(ada));
  });

  it('are those of the system for root', () => {
    expect(directoriesOf({ ...ada, isRoot: true })).to.deep.equal({
      state: '/var/lib/portcullis',
      settings: '/etc/portcullis',
    });
  });

  it('never have the master key next to the store', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      for (const isRoot of [true, false]) {
        const { state, settings } = directoriesOf({ ...ada, platform, isRoot })!;
        expect(settings.startsWith(state) || state.startsWith(settings)).to.equal(false);
      }
    }
  });

  it('without a home are those that the environment names, or none', () => {
    const homeless = { ...ada, home: undefined };
    expect(directoriesOf({ ...homeless, env: {} })).to.equal(undefined);
    expect(directoriesOf({ ...homeless, env: { XDG_STATE_HOME: '/s' } })).to.equal(undefined);
    expect(directoriesOf({ ...homeless, env: { XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c' } })).to.deep.equal({
      state: '/s/portcullis',
      settings: '/c/portcullis',
    });
    expect(directoriesOf({ ...homeless, env: {}, isRoot: true })).to.have.property('state', '/var/lib/portcullis');
  });
});
