import { type DocumentProblem, problemText } from '../../src/declarative/document.ts';

/** `kong.yml:12: services[1].host: required field missing` */
export function problemLines(problems: readonly DocumentProblem[], file: string): readonly string[] {
  return problems.map((problem) => {
    const line = problem.line === undefined ? '' : `:${problem.line}`;
    return `${file}${line}: ${problemText(problem)}`;
  });
}
