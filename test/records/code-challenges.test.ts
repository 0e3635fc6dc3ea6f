import { expect } from 'chai';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { noticedChallenges, type ReusedChallenge } from '../../src/records/code-challenges.ts';
import { behavesAsAuthorizationCodes } from '../contract/authorization-codes.ts';
import { noon } from '../contract/clock.ts';

behavesAsAuthorizationCodes('A store whose code challenges are noticed', (clock) =>
  noticedChallenges(memoryAuthorizationCodes(clock), () => {}),
);

describe('Code challenges', () => {
  function world(most?: number) {
    const noticed: ReusedChallenge[] = [];
    const store = memoryAuthorizationCodes({ now: () => noon });
    const codes = noticedChallenges(store, (who) => void noticed.push(who), most);
    let saved = 0;
    const save = (codeChallenge: string | undefined, credentialId = 'printer') => {
      const record = { credentialId, serviceId: 'orders', codeChallenge, expiresAt: noon + 1 };
      return codes.save(`code-${++saved}`, record as AuthorizationCode);
    };
    return { noticed, save };
  }

  it('PK-12: that a client sends again are reported, each time, by client and service and nothing else', () => {
    const { noticed, save } = world();
    for (let n = 0; n < 3; n++) save('one');
    const who = { credentialId: 'printer', serviceId: 'orders' };
    expect(noticed).to.deep.equal([who, who]);
  });

  it('PK-12: of two clients, or none at all, are not', () => {
    const { noticed, save } = world();
    save('one');
    save('one', 'till');
    save(undefined);
    save(undefined);
    save('two');
    expect(noticed).to.deep.equal([]);
  });

  it('are remembered up to a number; those that come again are kept longest', () => {
    const { noticed, save } = world(2);
    for (const challenge of ['one', 'two', 'one', 'three', 'one', 'two']) save(challenge);
    expect(noticed).to.have.length(2);
  });
});
