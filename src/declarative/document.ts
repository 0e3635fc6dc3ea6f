/** A declarative configuration (Kong's kong.yml) after its syntax was read, and the problems that it can have. */
import type { Json } from '../ports/entity-store.ts';
import type { Description } from '../schema/description.ts';

export interface ConfigurationDocument {
  readonly value: Json;
  /** The line of the value at a place, or of the nearest value around it that exists. */
  readonly lineOf: (place: Place) => number | undefined;
}

/** Names and, in lists, indexes from 0. */
export type Place = readonly (string | number)[];

export interface DocumentProblem {
  readonly place: Place;
  readonly line?: number | undefined;
  readonly message: string;
}

/** Reports a problem at a place. */
export type Report = (place: Place, message: string) => void;

/** `services[1].routes[2].paths`; indexes count from 1, as people count. */
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

/** The kinds that a file defines: all but the tokens. */
export function configurationKinds(entities: ReadonlyMap<string, Description>): readonly Description[] {
  return [...entities.values()].filter(({ name }) => name !== 'oauth2_tokens');
}
