/** The value of a setting's text, or what is wrong with the text and what the setting takes. */
export type Reading<T> = { readonly value: T } | { readonly problem: string };

export function isProblem<T>(reading: Reading<T>): reading is { readonly problem: string } {
  return 'problem' in reading;
}
