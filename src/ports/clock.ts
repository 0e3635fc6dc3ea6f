import type { EpochMilliseconds } from '../oauth/client.ts';

export interface Clock {
  now(): EpochMilliseconds;
}
