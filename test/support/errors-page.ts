import { gateRefusals } from '../../src/gateway/refusal-codes.ts';
import { type OAuthError, type RefusalReason, type RefusalText, refusals } from '../../src/oauth/refusals.ts';

/** docs/errors.md, made of the table of refusals. */
export function errorsPage(): string {
  const rows = (Object.keys(refusals) as RefusalReason[]).map((reason) => {
    const { kong, rfc9700, remedy, embedded }: RefusalText = refusals[reason];
    const whatToDo = embedded === undefined ? remedy : `${remedy} With createGate: ${embedded}`;
    return `| <a id="${reason}"></a>\`${reason}\` | ${words(kong)} | ${words(rfc9700)} | ${cell(whatToDo)} |`;
  });
  return [
    '# Errors',
    '',
    '<!-- Written by `npm run docs` from src/oauth/refusals.ts. Edit it there. -->',
    '',
    'This page lists every reason why the gate refuses a request, and what to do. The log (`refusal`) and the metrics have the',
    'reason. The response has the error of the `oauth2` plugin’s profile: that of Kong 3.9 (`kong`), or an error code of',
    'RFC 6749 and RFC 6750 (`rfc9700`). No response says which check a secret failed; the log does.',
    '',
    '## Refusals of OAuth requests and of tokens',
    '',
    '`…` stands for the parameter, scope or method that it is about.',
    '',
    '| reason | profile `kong` | profile `rfc9700` | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## Other refusals',
    '',
    'Reasons why a request did not reach its service, or the response of the service did not reach the client.',
    '',
    '| reason | what it means, what to do |',
    '|---|---|',
    ...Object.entries(gateRefusals).map(([code, remedy]) => `| <a id="${code}"></a>\`${code}\` | ${cell(remedy)} |`),
    '',
    'Codes of plugins that do not come with the gate begin with `x-`.',
    '',
  ].join('\n');
}

const words = ({ error, description }: OAuthError): string =>
  `${error === '' ? 'no code' : `\`${error}\``}: ${cell(description.replace('{detail}', '…'))}`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
