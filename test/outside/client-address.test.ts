/** The address of a client behind a trusted proxy: `real_ip_header` and `real_ip_recursive` of a whole gate. */
import { expect } from 'chai';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';

async function opened(settings: Record<string, string>): Promise<TestGate> {
  const gate = await openTestGate({ PORTCULLIS_TRUSTED_IPS: '127.0.0.1, 10.0.0.0/8', ...settings });
  await gate.setUp('POST', '/services', { name: 'api', url: gate.upstream });
  await gate.setUp('POST', '/services/api/routes', { paths: ['/api'] });
  await gate.setUp('POST', '/services/api/plugins', { name: 'ip-restriction', config: { allow: ['1.1.1.1'] } });
  return gate;
}

const warnings = (gate: TestGate) => gate.log.filter((line) => line.includes('real_ip_header'));

describe('The address of a client behind a trusted proxy', () => {
  let gate: TestGate;
  afterEach(() => gate.close());
  const status = async (headers: Record<string, string>) => (await gate.get('/api/x', undefined, headers)).status;

  it('is in X-Real-IP, and the gate warns at the start and once where only X-Forwarded-For is sent', async () => {
    gate = await opened({});
    expect(warnings(gate)).to.have.length(1);
    expect(await status({ 'X-Real-IP': '10.9.9.9', 'X-Forwarded-For': '1.1.1.1' })).to.equal(403);
    expect(await status({ 'X-Real-IP': '1.1.1.1', 'X-Forwarded-For': '10.9.9.9' })).to.equal(200);
    expect(warnings(gate)).to.have.length(1);
    expect(await status({ 'X-Forwarded-For': '1.1.1.1' })).to.equal(403);
    expect(await status({ 'X-Forwarded-For': '1.1.1.1' })).to.equal(403);
    expect(warnings(gate)).to.have.length(2);
    expect(warnings(gate)[1]).to.contain('X-Forwarded-For without X-Real-IP');
  });

  it('is the last in X-Forwarded-For, or the last that is not trusted, without a warning', async () => {
    gate = await opened({ KONG_REAL_IP_HEADER: 'X-Forwarded-For' });
    expect(await status({ 'X-Forwarded-For': '2.2.2.2, 1.1.1.1', 'X-Real-IP': '3.3.3.3' })).to.equal(200);
    expect(await status({ 'X-Forwarded-For': '1.1.1.1, 10.1.1.1' })).to.equal(403);
    expect(warnings(gate)).to.deep.equal([]);
    await gate.close();
    gate = await opened({ PORTCULLIS_REAL_IP_HEADER: 'X-Forwarded-For', PORTCULLIS_REAL_IP_RECURSIVE: 'on' });
    expect(await status({ 'X-Forwarded-For': '2.2.2.2, 1.1.1.1, 10.1.1.1' })).to.equal(200);
    expect(await status({ 'X-Forwarded-For': '1.1.1.1, 2.2.2.2, 10.1.1.1' })).to.equal(403);
  });
});
