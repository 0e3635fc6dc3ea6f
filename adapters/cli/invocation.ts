/**
 * A command in the words that work where this one was called: in a checkout `npm run demo` is called and `portcullis` is
 * not in the path, and npx is called where nothing is installed. npm says so in the environment of what it runs.
 */
export function invocation(command: string, words: string, env: Readonly<Record<string, string | undefined>>): string {
  const { npm_lifecycle_event: run, npm_package_name: inPackage } = env;
  if (run === 'npx') return `npx portcullis ${command} ${words}`;
  return run !== undefined && inPackage === 'portcullis'
    ? `npm run ${command} -- ${words}`
    : `portcullis ${command} ${words}`;
}
