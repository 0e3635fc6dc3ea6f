/**
 * Words that the project does not use, each with the field's word for it. `test/words.test.ts` looks for them in the
 * identifiers, messages, comments and pages of every folder. Words that also have a standard meaning (user, login, app,
 * account, permission, reply, exception) are for a reader to judge, not for this list.
 */
export interface Banned {
  /** A word, or words with single blanks between them, in lower case. */
  readonly word: string;
  readonly instead: string;
}

const table: Readonly<Record<string, readonly string[]>> = {
  'expires, is deleted': ['dies', 'died', 'die', 'dying', 'outlives', 'outlive'],
  'is active, is valid': ['lives', 'alive', 'living', 'in force'],
  'expiry, expiration': ['death', 'deaths', 'lifespan'],
  'expired, deleted, closed': ['dead'],
  'deleted, swept': ['bury', 'buries', 'buried', 'burial', 'burials', 'undertaker'],
  'that can expire': ['mortal', 'mortals'],
  'used (a code), rotated (a token)': ['spent', 'spend', 'spends'],
  unhealthy: ['unfit'],
  'receives, is notified, returns': [
    'is told',
    'are told',
    'be told',
    'was told',
    'told',
    'hears',
    'hear',
    'heard',
    'hearing',
  ],
  'rate limited, rejected, postponed': ['put off', 'puts off'],
  again: ['anew', 'afresh'],
  'decision, result': ['verdict', 'verdicts'],
  'the subject of the sentence': ['nobody', 'everybody', 'anybody', 'whoever', 'somebody', 'whom', 'whoso'],
  'another client': ['stranger', 'strangers'],
  'besides, next to, in addition to': ['beside'],
  'its own': ['of its own'],
  'until, for as long as': ['as long as ever', 'for ever'],
  'repair, fix': ['mend', 'mends', 'mended'],
  'fails, is rejected': ['perish', 'perishes'],
  'the same': ['selfsame', 'the very'],
};

export const banned: readonly Banned[] = Object.entries(table).flatMap(([instead, words]) =>
  words.map((word) => ({ word, instead })),
);
