import { expect } from 'chai';
import { inProcessAnnouncements } from '../../adapters/announcements/in-process.ts';
import type { Announcement } from '../../src/ports/announcements.ts';

const changed: Announcement = { announces: 'grantChanged', grantId: 'g' };

describe('Announcements within a process', () => {
  it('reach every listener at once, in the order they subscribed, without a promise', () => {
    const announcements = inProcessAnnouncements();
    const received: unknown[] = [];
    announcements.subscribe((announcement) => void received.push(['first', announcement]));
    announcements.subscribe((announcement) => void received.push(['second', announcement]));
    expect(announcements.publish(changed)).to.equal(undefined);
    expect(received).to.deep.equal([
      ['first', changed],
      ['second', changed],
    ]);
  });

  it('are published when every listener has applied them', async () => {
    const announcements = inProcessAnnouncements();
    const log: string[] = [];
    const applying: (() => void)[] = [];
    for (const name of ['slow', 'slower']) {
      announcements.subscribe(async () => {
        await new Promise<void>((resolve) => applying.push(resolve));
        log.push(name);
      });
    }
    announcements.subscribe(() => void log.push('at once'));
    const published = Promise.resolve(announcements.publish(changed)).then(() => log.push('published'));
    for (const applied of applying) {
      applied();
      await new Promise(setImmediate);
    }
    await published;
    expect(log).to.deep.equal(['at once', 'slow', 'slower', 'published']);
  });

  it('do not reach a listener that has unsubscribed; the same function may subscribe twice', () => {
    const announcements = inProcessAnnouncements();
    let received = 0;
    const listener = () => void received++;
    const stops = [announcements.subscribe(listener), announcements.subscribe(listener)];
    announcements.publish(changed);
    stops[0]!();
    stops[0]!();
    announcements.publish(changed);
    expect(received).to.equal(3);
  });

  it('reach every listener even if some fail, and publish rejects with their errors', async () => {
    const announcements = inProcessAnnouncements();
    let received = 0;
    announcements.subscribe(() => {
      throw new Error('at once');
    });
    announcements.subscribe(() => void received++);
    expect(() => announcements.publish(changed)).to.throw('at once');
    announcements.subscribe(async () => {
      throw new Error('later');
    });
    announcements.subscribe(() => void received++);
    const errors = await Promise.resolve(announcements.publish(changed)).then(
      () => undefined,
      (error: AggregateError) => error.errors.map(String),
    );
    expect(errors).to.deep.equal(['Error: at once', 'Error: later']);
    expect(received).to.equal(3);
  });
});
