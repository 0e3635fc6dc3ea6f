/** What came of reading the text of a setting: its value, or what is wrong with it and what may stand there instead. */
export type Reading<T> = { readonly value: T } | { readonly problem: string };

export function isProblem<T>(reading: Reading<T>): reading is { readonly problem: string } {
  return 'problem' in reading;
}
