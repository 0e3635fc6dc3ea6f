import { expect } from 'chai';
import { invocation } from '../../adapters/cli/invocation.ts';

describe('The command to type next', () => {
  const next = (env: Record<string, string>) => invocation('protect', 'http://localhost:3000', env);

  it('is the command itself if it is installed', () => {
    expect(next({})).to.equal('portcullis protect http://localhost:3000');
    // Called by a script of another package, which has our bin in its path.
    expect(next({ npm_lifecycle_event: 'gate', npm_package_name: 'shop' })).to.equal(
      'portcullis protect http://localhost:3000',
    );
  });

  it('is an npm script in a checkout', () => {
    expect(next({ npm_lifecycle_event: 'demo', npm_package_name: 'portcullis' })).to.equal(
      'npm run protect -- http://localhost:3000',
    );
  });

  it('is npx after a call by npx', () => {
    expect(next({ npm_lifecycle_event: 'npx', npm_package_name: 'portcullis' })).to.equal(
      'npx portcullis protect http://localhost:3000',
    );
  });
});
