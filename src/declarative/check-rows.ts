/** Checks that need all rows of a configuration file. */
import { protocolViolation } from '../entities/plugins.ts';
import { referenceIn, uniqueKeys } from '../ports/entity-store.ts';
import { own } from '../schema/json.ts';
import { kindOf } from '../schema/kind.ts';
import { type ConfigurationDocument, type Place, placeText, type Report } from './document.ts';
import type { Item } from './items.ts';
import type { DeclaredRow } from './rows.ts';

/** How many rows make one step. */
const rowsInStep = 100;

/** In steps of about equal length. */
export function* checkRows(
  rows: readonly DeclaredRow[],
  items: readonly Item[],
  document: ConfigurationDocument,
  report: Report,
): Generator<undefined, void> {
  yield* findDuplicates(rows, document, report);
  findProtocolViolations(rows, items, report);
  findMissingCaCertificates(rows, items, report);
}

/** Reports rows that share an id or a unique value. */
function* findDuplicates(
  rows: readonly DeclaredRow[],
  document: ConfigurationDocument,
  report: Report,
): Generator<undefined, void> {
  const first = new Map<string, Place>();
  for (const [at, { description, row, place }] of rows.entries()) {
    if (at % rowsInStep === rowsInStep - 1) yield undefined;
    const keys = [
      { fields: ['id'], key: `id ${row.id}` },
      ...uniqueKeys(kindOf(description), row).map(({ fields, key }) => ({ fields, key })),
    ];
    // A second row with the same name also has the same id; the message is about the name, which is in the file.
    const taken = keys.reverse().find(({ key }) => first.has(`${description.name} ${key}`));
    if (taken !== undefined) {
      const before = first.get(`${description.name} ${taken.key}`)!;
      const line = document.lineOf(before);
      const where = `${placeText(before)}${line === undefined ? '' : ` on line ${line}`}`;
      const [field] = taken.fields;
      report(
        taken.fields.length === 1 ? [...place, field!] : place,
        `${taken.fields.join(', ')}: the same as of ${where}`,
      );
    }
    for (const { key } of keys)
      if (!first.has(`${description.name} ${key}`)) first.set(`${description.name} ${key}`, place);
  }
}

/** The CA certificates of a service are a list of ids, which the store does not check. */
function findMissingCaCertificates(rows: readonly DeclaredRow[], items: readonly Item[], report: Report): void {
  const there = new Set(items.filter(({ description }) => description.name === 'ca_certificates').map(({ id }) => id));
  for (const { row, place } of rows) {
    const named = row['ca_certificates'];
    for (const [at, id] of Array.isArray(named) ? named.entries() : []) {
      if (!there.has(String(id).toLowerCase())) {
        report(
          [...place, 'ca_certificates', at],
          `the file has none of the ca_certificates with id ${JSON.stringify(id)}`,
        );
      }
    }
  }
}

/** Only plugins whose protocols are in the file are checked, not those with default protocols. */
function findProtocolViolations(rows: readonly DeclaredRow[], items: readonly Item[], report: Report): void {
  const withProtocols = new Map(
    items.filter(({ sent }) => Array.isArray(own(sent, 'protocols'))).map((item) => [item.id, item]),
  );
  const routes = rows.filter(({ description }) => description.name === 'routes').map(({ row }) => row);
  const byId = new Map(routes.map((route) => [route.id, route]));
  const byService = Map.groupBy(routes, (route) => referenceIn(route, 'service'));
  for (const { description, row, place } of rows) {
    if (description.name !== 'plugins' || !withProtocols.has(row.id)) continue;
    const protocols = row['protocols'] as readonly string[];
    const routeId = referenceIn(row, 'route');
    const serviceId = referenceIn(row, 'service');
    const routesOfService = serviceId === undefined ? [] : (byService.get(serviceId) ?? []);
    const routeNamed = routeId === undefined ? undefined : byId.get(routeId);
    const on = routeId === undefined ? routesOfService : routeNamed === undefined ? [] : [routeNamed];
    const violation = protocolViolation(protocols, routeId === undefined ? 'service' : 'route', on);
    if (violation !== undefined) report([...place, 'protocols'], violation);
  }
}
