import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MasterKeyUnusable, masterKeys } from '../../adapters/crypto/master-key.ts';

describe('The master key', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-key-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function fileOf(
    text: string,
    mode = 0o600,
  ): { readonly from: 'file'; readonly path: string; readonly make: boolean } {
    const path = join(directory, 'key');
    writeFileSync(path, text, { mode: 0o600 });
    chmodSync(path, mode);
    return { from: 'file', path, make: true };
  }

  it('is used as given in bytes', () => {
    const bytes = new Uint8Array(32).fill(1);
    expect(masterKeys({ from: 'bytes', bytes })).to.deep.equal({ current: bytes, previous: [], made: undefined });
    expect(() => masterKeys({ from: 'bytes', bytes: bytes.subarray(1) })).to.throw(
      MasterKeyUnusable,
      /PORTCULLIS_KEY is shorter than 32 bytes/,
    );
  });

  it('is read from a file in hex or base64url, with white space around it or not', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, n) => n * 8));
    for (const text of [
      key.toString('hex'),
      key.toString('hex').toUpperCase(),
      key.toString('base64url'),
      `${key.toString('base64url')}=`,
    ]) {
      for (const spaced of [text, `${text}\n`, `\n  ${text}  \r\n\r\n`, `# made by hand\n${text}\n`]) {
        const { current, previous, made } = masterKeys(fileOf(spaced));
        expect(Buffer.from(current).equals(key)).to.equal(true);
        expect(previous).to.deep.equal([]);
        expect(made).to.equal(undefined);
      }
    }
  });

  it('is the first line of the file; the lines below are previous keys', () => {
    const [newer, older, oldest] = ['11', '22', '33'].map((byte) => byte.repeat(32));
    const { current, previous } = masterKeys(fileOf(`${newer}\n# until March\n${older}\n${oldest}\n`));
    expect([current, ...previous].map((key) => Buffer.from(key).toString('hex'))).to.deep.equal([newer, older, oldest]);
  });

  it('is made on a first start, in a directory for its owner only, and kept', () => {
    const path = join(directory, 'settings', 'portcullis', 'master.key');
    const first = masterKeys({ from: 'file', path, make: true });
    expect(first.made).to.equal(path);
    expect(first.current).to.have.length(32);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).to.equal(0o700);
    expect(readdirSync(join(path, '..'))).to.deep.equal(['master.key']);
    const second = masterKeys({ from: 'file', path, make: true });
    expect(second).to.deep.equal({ ...first, made: undefined });
    expect(readFileSync(path, 'utf8')).to.match(/^[0-9a-f]{64}\n$/);
    expect(masterKeys({ from: 'file', path: `${path}.other`, make: true }).current).to.not.deep.equal(first.current);
  });

  it('is made once when many processes start for the first time together', async () => {
    const path = join(directory, 'key');
    const starter = join(directory, 'starter.mjs');
    const module = new URL('../../adapters/crypto/master-key.ts', import.meta.url).href;
    writeFileSync(
      starter,
      `import { masterKeys } from ${JSON.stringify(module)};
       process.once('message', () => {
         const { current, made } = masterKeys({ from: 'file', path: ${JSON.stringify(path)}, make: true });
         process.send({ key: Buffer.from(current).toString('hex'), made: made !== undefined });
         process.disconnect();
       });
       process.send('ready');`,
    );
    const starters = Array.from({ length: 4 }, () => fork(starter));
    await Promise.all(starters.map((one) => once(one, 'message')));
    const exits = starters.map((one) => once(one, 'exit'));
    const sent = starters.map((one) => once(one, 'message'));
    for (const one of starters) one.send('start');
    const results = (await Promise.all(sent)).map(([result]) => result as { key: string; made: boolean });
    await Promise.all(exits);
    expect(new Set(results.map(({ key }) => key)).size).to.equal(1);
    expect(results.filter(({ made }) => made)).to.have.length(1);
    expect(readdirSync(directory).sort()).to.deep.equal(['key', 'starter.mjs']);
  });

  it('is not made where that is not allowed', () => {
    const path = join(directory, 'key');
    expect(() => masterKeys({ from: 'file', path, make: false })).to.throw(
      MasterKeyUnusable,
      /does not exist\. PORTCULLIS_KEY_FILE names the file/,
    );
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it('is refused with the file, the line and the reason, and without the key', () => {
    const good = '11'.repeat(32);
    const bad: [string, RegExp][] = [
      ['', /is empty/],
      ['# nothing\n', /is empty/],
      ['ab'.repeat(31), /key:1 is shorter than 32 bytes/],
      ['abc'.repeat(15), /key:1 is neither hexadecimal nor base64url/],
      [`${good}\nnot+a/key!`, /key:2 is neither hexadecimal nor base64url/],
      [`${good}\n\n2222`, /key:3 is shorter than 32 bytes/],
    ];
    for (const [text, message] of bad) {
      try {
        masterKeys(fileOf(text));
        expect.fail(`accepted ${JSON.stringify(text)}`);
      } catch (error) {
        expect(error).to.be.instanceOf(MasterKeyUnusable);
        expect((error as Error).message)
          .to.match(message)
          .and.include('PORTCULLIS_KEY');
        for (const line of text.split('\n').filter((line) => line.length > 3)) {
          expect((error as Error).message).to.not.include(line);
        }
      }
    }
  });

  it('SE-05: is refused when every user of the machine may read or change it', () => {
    const good = '11'.repeat(32);
    for (const mode of [0o604, 0o644, 0o606, 0o666]) {
      expect(() => masterKeys(fileOf(good, mode)), mode.toString(8)).to.throw(
        MasterKeyUnusable,
        /can be read by every user.*chmod 600/,
      );
    }
    for (const mode of [0o600, 0o400, 0o440, 0o640]) expect(masterKeys(fileOf(good, mode)).current).to.have.length(32);
  });

  it('is accepted, with a warning, where others can read the file but its mount is read-only', function () {
    if (process.getuid?.() !== 0) this.skip();
    const { path } = fileOf('11'.repeat(32), 0o444);
    const module = new URL('../../adapters/crypto/master-key.ts', import.meta.url).href;
    const reader = join(directory, 'reader.mjs');
    writeFileSync(
      reader,
      `import { masterKeys } from ${JSON.stringify(module)};
       process.setuid(Number(process.argv[2]));
       const { warning } = masterKeys({ from: 'file', path: ${JSON.stringify(path)}, make: true });
       process.stdout.write(String(warning));`,
    );
    chmodSync(directory, 0o755);
    const readBy = (uid: number) =>
      execFileSync(
        'unshare',
        [
          '-m',
          'sh',
          '-c',
          'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" "$3" "$4"',
          'sh',
          path,
          process.execPath,
          reader,
          String(uid),
        ],
        { encoding: 'utf8' },
      );
    for (const uid of [0, 54_321])
      expect(readBy(uid)).to.match(/can be read by every user .*mode 0444.* mount is read-only/);
    // Another user cannot write to it either, but its mount is writable.
    expect(() => masterKeys({ from: 'file', path, make: true })).to.throw(MasterKeyUnusable, /chmod 600/);
  });

  it('is refused when the path is a directory, or leads through a file', () => {
    expect(() => masterKeys({ from: 'file', path: directory, make: true })).to.throw(
      MasterKeyUnusable,
      /cannot be read|can be read by every user/,
    );
    const { path } = fileOf('x');
    expect(() => masterKeys({ from: 'file', path: join(path, 'key'), make: true })).to.throw(
      MasterKeyUnusable,
      /ENOTDIR/,
    );
  });
});
