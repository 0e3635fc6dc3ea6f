import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { guardedFetch } from '../../examples/client-credentials.ts';

const root = join(import.meta.dirname, '..', '..');

describe('The example of a Koa app', () => {
  it('issues tokens to its client, and refuses requests without one', async () => {
    const secret = 'a-secret-of-the-marketplace';
    const app = spawn(process.execPath, ['--conditions=portcullis-source', 'examples/koa-app.ts'], {
      cwd: root,
      env: { PATH: process.env['PATH'], CLIENT_SECRET: secret, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(app.stdout, 'data')) as [Buffer];
      const base = String(line).trim();
      const call = guardedFetch({
        id: 'marketplace',
        secret,
        tokenEndpoint: `${base}/oauth2/token`,
        scope: 'orders:read',
      });
      expect((await fetch(`${base}/orders`)).status).to.equal(401);
      const response = await call(`${base}/orders`);
      expect(response.status).to.equal(200);
      expect(await response.json()).to.deep.include({ for: 'marketplace', of: 'ada' });
    } finally {
      app.kill('SIGTERM');
      await once(app, 'close');
    }
  });

  it('does not start without a secret', async () => {
    const app = spawn(process.execPath, ['--conditions=portcullis-source', 'examples/koa-app.ts'], {
      cwd: root,
      env: { PATH: process.env['PATH'] },
      stdio: 'ignore',
    });
    expect((await once(app, 'close'))[0]).to.equal(1);
  });
});
