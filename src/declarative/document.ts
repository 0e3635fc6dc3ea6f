/** A declarative configuration (Kong's kong.yml) after its syntax was read, and what can be wrong with it. */
import type { Json } from '../ports/entity-store.ts';
import type { Description } from '../schema/description.ts';

export interface ConfigurationDocument {
  readonly value: Json;
  /** The line on which the value at a place stands, or the nearest one around it that is there. */
  readonly lineOf: (place: Place) => number | undefined;
}

/** Names and, in lists, indexes from 0. */
export type Place = readonly (string | number)[];

export interface DocumentProblem {
  readonly place: Place;
  readonly line?: number | undefined;
  readonly message: string;
}

/** `services[1].routes[2].paths`, as an operator counts. */
export function placeText(place: Place): string {
  return place.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part + 1}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

export function problemText({ place, message }: DocumentProblem): string {
  const where = placeText(place);
  return where === '' ? message : `${where}: ${message}`;
}

/** The kinds that a file is about. Tokens belong to those who got them, not to a file. */
export function configurationKinds(entities: ReadonlyMap<string, Description>): readonly Description[] {
  return [...entities.values()].filter(({ name }) => name !== 'oauth2_tokens');
}
