/** The settings that limit what callers can make the gate hold or remember. Part of the table in settings.ts. */
import type { Setting } from './setting.ts';
import { secondsFrom, wholeNumber } from './values.ts';

export const limitSettings = {
  limitBodyTime: {
    title: 'Time limit of bodies',
    form: 'seconds, 1 to 3600',
    description:
      'How long the gate waits for the next piece of a request body, at every listener and every endpoint, also of the Admin API. After that the response is 408 and the connection is closed.',
    recommendation: 'The default. Less only if all your clients have good connections.',
    default: '60',
    read: secondsFrom(1, 3600),
  },
  limitBodyMemory: {
    title: 'Memory for bodies',
    form: 'MiB, 1 to 65536',
    description:
      'How many bytes of request bodies the gate holds in memory for all callers together. It holds a body where a plugin or an OAuth endpoint reads it as a whole. A body beyond the limit gets 503 with Retry-After. A quarter as much again holds bodies that were sent to an upstream, until its response begins; beyond that, such a request is not retried.',
    recommendation: 'An eighth of the memory of the process.',
    default: '64',
    read: wholeNumber('MiB', 1, 65_536),
  },
  limitConnections: {
    title: 'Client connections',
    form: 'number, 1 to 1000000',
    description:
      'How many connections of clients the proxy listeners hold open together. A connection beyond the limit gets 503 with Retry-After and is closed.',
    recommendation:
      'Below the number of file descriptors of the process (`ulimit -n`), with room for connections to upstreams.',
    default: '16384',
    read: wholeNumber('connections', 1, 1_000_000),
  },
  limitConnectionsPerAddress: {
    title: 'Client connections from one address',
    form: 'number, 1 to 1000000',
    description:
      'How many connections one address may hold open; of IPv6, one /64 network. Peers in `trusted_ips` have no such limit, because they carry the calls of many clients.',
    recommendation: 'More than your largest client needs. Name load balancers in `trusted_ips`.',
    default: '2048',
    read: wholeNumber('connections', 1, 1_000_000),
  },
  limitStreams: {
    title: 'HTTP/2 streams',
    form: 'number, 1 to 1000000',
    description:
      'How many requests on HTTP/2 connections are in progress together. A request beyond the limit gets 503 with Retry-After. One connection has at most 128.',
    recommendation: 'The default; more if many long calls (event streams) are in progress together.',
    default: '10000',
    read: wholeNumber('streams', 1, 1_000_000),
  },
  limitHashes: {
    title: 'Waiting hashes',
    form: 'number, 8 to 100000',
    description:
      'How many hashed secrets and passwords of known clients and users may wait to be checked. Two are checked at the same time, and at most 8 wait for one client. More get 503 with Retry-After. Unknown clients use no place.',
    recommendation: 'The default. A place is a wait of some milliseconds.',
    default: '256',
    read: wholeNumber('hashes', 8, 100_000),
  },
  limitFailureCounts: {
    title: 'Counts of failed attempts',
    form: 'number, 1000 to 10000000',
    description:
      'For how many pairs of an address and a client the gate counts failed attempts to authenticate. If more fail, the counts with the fewest failures are dropped first.',
    recommendation: 'The default, about 20 MB if all are in use.',
    default: '100000',
    read: wholeNumber('counts', 1_000, 10_000_000),
  },
  limitTokens: {
    title: 'Remembered tokens',
    form: 'number, 100 to 10000000',
    description: 'How many access tokens and credentials the gate remembers, each. Others are read from the store.',
    recommendation: 'The number of tokens in use at the same time; about 1 KB each.',
    default: '100000',
    read: wholeNumber('tokens', 100, 10_000_000),
  },
} as const satisfies Readonly<Record<string, Setting>>;
