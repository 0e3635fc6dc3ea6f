import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import type { Body } from '../support/open-test-gate.ts';

const root = join(import.meta.dirname, '..', '..');

/** A gate started from the command line, on free ports of loopback. */
async function started(): Promise<{ readonly gate: ChildProcess; readonly proxy: string; readonly admin: string }> {
  const gate = spawn(process.execPath, ['--conditions=portcullis-source', 'bin/portcullis.js', 'start'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      PORTCULLIS_STORE: 'memory:',
      PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0',
      PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
      PORTCULLIS_PLUGIN_MODULES: 'examples/maintenance-plugin.ts',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: gate.stdout! })) {
    const { proxy, admin } = JSON.parse(line);
    if (proxy !== undefined) return { gate, proxy: proxy[0], admin: admin[0] };
  }
  throw new Error('the gate did not start');
}

describe('The example of a plugin of your own', () => {
  it('is a plugin like any other when the setting names its module', async () => {
    const { gate, proxy, admin } = await started();
    try {
      const post = async (path: string, body: object) => {
        const headers = { 'Content-Type': 'application/json' };
        const response = await fetch(admin + path, { method: 'POST', headers, body: JSON.stringify(body) });
        return { status: response.status, body: (await response.json()) as Body };
      };
      await post('/services', { name: 'orders', url: 'http://127.0.0.1:1' });
      await post('/services/orders/routes', { paths: ['/orders'] });
      await post('/services/orders/plugins', { name: 'key-auth' });
      const keys = [];
      for (const username of ['ops', 'ada']) {
        await post('/consumers', { username });
        keys.push((await post(`/consumers/${username}/key-auth`, {})).body.key as string);
      }
      const plugin = (config: object) => post('/services/orders/plugins', { name: 'maintenance', config });
      expect((await plugin({ from: 2, until: 1 })).body).to.deep.include({
        message: 'schema violation (config: until must be later than from)',
      });
      expect((await plugin({ from: 0, until: 4_000_000_000, except: ['ops'] })).status).to.equal(201);
      const [ops, ada] = await Promise.all(keys.map((apikey) => fetch(`${proxy}/orders`, { headers: { apikey } })));
      expect(ada!.status).to.equal(503);
      expect(await ada!.json()).to.include({ message: 'Closed for maintenance' });
      // No service runs behind the gate: an admitted request gets 502.
      expect(ops!.status).to.equal(502);
      const { plugins } = (await (await fetch(admin)).json()) as { plugins: Record<string, object> };
      expect(plugins['available_on_server']).to.not.have.property('maintenance');
    } finally {
      gate.kill('SIGTERM');
      await once(gate, 'close');
    }
  });
});
