/**
 * A command as the user has to type it, derived from how this one was started: by `npm run` in a checkout, where
 * `portcullis` is not in the path; by npx, where it is not installed; or directly. npm sets variables that tell.
 */
export function invocation(command: string, words: string, env: Readonly<Record<string, string | undefined>>): string {
  const { npm_lifecycle_event: run, npm_package_name: inPackage } = env;
  if (run === 'npx') return `npx portcullis ${command} ${words}`;
  return run !== undefined && inPackage === 'portcullis'
    ? `npm run ${command} -- ${words}`
    : `portcullis ${command} ${words}`;
}
