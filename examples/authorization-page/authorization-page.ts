/**
 * The page of a guarded API where users log in and consent. The gate does not know your users, so the page is yours.
 *
 *   GET  /authorize?client_id=…&response_type=code&scope=…   the client sends the browser here
 *   POST /login, POST /authorize                             the two forms
 *
 * When a user consents, the page sends the request to the gate with the provision key, which no browser ever sees. The
 * gate returns the address where the browser goes next.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import Koa, { type Context } from 'koa';

export interface AuthorizationPageOptions {
  /** The Admin API of the gate. */
  readonly admin: string;
  /** The guarded service at the gate: `https://api.example/orders`. */
  readonly service: string;
  readonly provisionKey: string;
  /** Your users: returns the id of the user with this name and password, or `undefined`. */
  readonly logIn: (name: string, password: string) => Promise<string | undefined>;
}

/** The parameters of the authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3), which the forms carry as hidden fields. */
const carried = [
  'client_id',
  'response_type',
  'scope',
  'redirect_uri',
  'state',
  'code_challenge',
  'code_challenge_method',
] as const;

export function authorizationPage({ admin, service, provisionKey, logIn }: AuthorizationPageOptions): Koa {
  const formKey = randomBytes(32);
  const sessions = new Map<string, { readonly userId: string; readonly until: number }>();

  const app = new Koa();
  app.use(async (ctx) => {
    // No other site may frame these pages or learn their addresses, and they load nothing from elsewhere. There is no
    // `form-action`: browsers apply it also to the redirect that follows a form, which goes to the client.
    ctx.set({
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
    });
    const known = ctx.path === '/authorize' || ctx.path === '/login';
    if (!known) return page(ctx, 404, 'Not found', '');
    if (ctx.method === 'GET' && ctx.path === '/authorize')
      return askForConsent(ctx, new URLSearchParams(ctx.querystring));
    if (ctx.method !== 'POST') {
      ctx.set('Allow', ctx.path === '/authorize' ? 'GET, POST' : 'POST');
      return page(ctx, 405, 'Method not allowed', '');
    }
    const form = await readForm(ctx);
    if (form === undefined) return page(ctx, 413, 'The form is too large', '');
    // The form must be one that this page showed to this same browser: another site cannot submit it (CSRF).
    const session = ctx.cookies.get('session') ?? '';
    if (!sameText(form.get('form_key') ?? '', formKeyFor(session))) {
      return page(ctx, 403, 'This form has expired', '<p>Go back to the application and start again.</p>');
    }
    return ctx.path === '/login' ? answerLogin(ctx, form) : answerConsent(ctx, form);
  });
  return app;

  /** Shows a logged-in user which client requests which scopes. */
  async function askForConsent(ctx: Context, request: URLSearchParams): Promise<void> {
    const client = await clientOf(request.get('client_id') ?? '');
    if (client === undefined) return page(ctx, 400, 'Unknown application', '');
    const user = userOf(ctx);
    if (user === undefined) return loginForm(ctx, 200, request);
    const scopes = (request.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    page(
      ctx,
      200,
      `Allow ${client.name}?`,
      `<p><b>${html(client.name)}</b> by ${html(client.developer)} asks for access in your name${
        scopes.length === 0 ? '.' : ` to:</p><ul>${scopes.map((scope) => `<li>${html(scope)}</li>`).join('')}</ul><p>`
      }</p>${form(ctx, '/authorize', request, '<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button>')}`,
    );
  }

  async function answerLogin(ctx: Context, sent: URLSearchParams): Promise<void> {
    const userId = await logIn(sent.get('name') ?? '', sent.get('password') ?? '');
    if (userId === undefined) return loginForm(ctx, 401, sent, 'Name or password is wrong.');
    for (const [id, { until }] of sessions) if (until <= Date.now()) sessions.delete(id);
    // A new session id at each login: an id that was known before the login is worthless after it (session fixation).
    const session = newSession(ctx);
    sessions.set(session, { userId, until: Date.now() + 3_600_000 });
    goTo(ctx, `/authorize?${carriedOf(sent)}`);
  }

  async function answerConsent(ctx: Context, sent: URLSearchParams): Promise<void> {
    const user = userOf(ctx);
    if (user === undefined) return loginForm(ctx, 200, sent);
    const client = await clientOf(sent.get('client_id') ?? '');
    if (client === undefined) return page(ctx, 400, 'Unknown application', '');
    if (sent.get('answer') !== 'allow') return denied(ctx, client, sent);
    const request = carriedOf(sent);
    request.set('provision_key', provisionKey);
    request.set('authenticated_userid', user);
    const { authorization } = ctx.headers;
    const response = await fetch(`${service}/oauth2/authorize`, {
      method: 'POST',
      body: request,
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });
    const body = (await response.json()) as { readonly redirect_uri?: string; readonly error_description?: string };
    // Whatever the status: an error that belongs to the client comes with a redirect_uri, too (RFC 6749 §4.1.2.1).
    if (body.redirect_uri !== undefined) return goTo(ctx, body.redirect_uri);
    page(ctx, 400, 'The request is not valid', `<p>${html(body.error_description ?? 'The gate refused it.')}</p>`);
  }

  /** "access_denied: The resource owner or authorization server denied the request." (RFC 6749 §4.1.2.1) */
  function denied(ctx: Context, client: Client, sent: URLSearchParams): void {
    const wanted = sent.get('redirect_uri') ?? client.redirectUris[0];
    // The browser goes only to a redirect URI that the client has registered.
    if (wanted === undefined || !client.redirectUris.includes(wanted)) {
      page(ctx, 200, 'Access was not granted', '');
      return;
    }
    const url = new URL(wanted);
    url.searchParams.set('error', 'access_denied');
    const state = sent.get('state');
    if (state !== null) url.searchParams.set('state', state);
    goTo(ctx, url.href);
  }

  interface Client {
    readonly name: string;
    readonly developer: string;
    readonly redirectUris: readonly string[];
  }

  async function clientOf(clientId: string): Promise<Client | undefined> {
    if (clientId === '') return undefined;
    const found = await fetch(`${admin}/oauth2?client_id=${encodeURIComponent(clientId)}`);
    const [credential] = ((await found.json()) as { readonly data: readonly Credential[] }).data;
    if (credential === undefined) return undefined;
    const owner = await fetch(`${admin}/consumers/${credential.consumer.id}`);
    const { username, custom_id } = (await owner.json()) as { username: string | null; custom_id: string | null };
    return {
      name: credential.name,
      developer: username ?? custom_id ?? '',
      redirectUris: credential.redirect_uris ?? [],
    };
  }

  function userOf(ctx: Context): string | undefined {
    const session = sessions.get(ctx.cookies.get('session') ?? '');
    return session === undefined || session.until <= Date.now() ? undefined : session.userId;
  }

  function newSession(ctx: Context): string {
    const session = randomBytes(32).toString('base64url');
    ctx.cookies.set('session', session, { httpOnly: true, sameSite: 'lax', secure: ctx.secure, overwrite: true });
    return session;
  }

  function formKeyFor(session: string): string {
    return createHmac('sha256', formKey).update(session).digest('base64url');
  }

  function loginForm(ctx: Context, status: number, request: URLSearchParams, problem = ''): void {
    const fields =
      '<p><label>Name <input name="name" autocomplete="username"></label></p>' +
      '<p><label>Password <input name="password" type="password" autocomplete="current-password"></label></p>' +
      '<button>Log in</button>';
    page(
      ctx,
      status,
      'Log in',
      `${problem === '' ? '' : `<p>${html(problem)}</p>`}${form(ctx, '/login', request, fields)}`,
    );
  }

  function form(ctx: Context, action: string, request: URLSearchParams, fields: string): string {
    const session = ctx.cookies.get('session') ?? newSession(ctx);
    const hidden = [...carriedOf(request), ['form_key', formKeyFor(session)] as const].map(
      ([name, value]) => `<input type="hidden" name="${html(name)}" value="${html(value)}">`,
    );
    return `<form method="post" action="${action}">${hidden.join('')}${fields}</form>`;
  }
}

interface Credential {
  readonly name: string;
  readonly redirect_uris: readonly string[] | null;
  readonly consumer: { readonly id: string };
}

function carriedOf(from: URLSearchParams): URLSearchParams {
  return new URLSearchParams(
    carried.flatMap((name) => {
      const value = from.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

function page(ctx: Context, status: number, title: string, body: string): void {
  ctx.status = status;
  ctx.type = 'html';
  ctx.body = `<!doctype html><html lang="en"><title>${html(title)}</title><h1>${html(title)}</h1>${body}</html>`;
}

/** 303: the browser follows with GET, and does not send the form there (RFC 9700 §4.12). */
function goTo(ctx: Context, url: string): void {
  ctx.set('Location', url);
  ctx.body = '';
  ctx.status = 303;
}

/** A form of up to 16 KiB; `undefined` if it is larger. */
async function readForm(ctx: Context): Promise<URLSearchParams | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of ctx.req as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > 16_384) return undefined;
    pieces.push(piece);
  }
  return new URLSearchParams(Buffer.concat(pieces).toString('utf8'));
}

function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function html(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

if (import.meta.main) {
  const { ADMIN = 'http://127.0.0.1:8001', SERVICE, PROVISION_KEY, LOGIN, PORT = '3001' } = process.env;
  if (SERVICE === undefined || PROVISION_KEY === undefined || LOGIN === undefined) {
    throw new Error('set SERVICE, PROVISION_KEY and LOGIN=name:password in the environment');
  }
  const logIn = async (name: string, password: string) => (sameText(`${name}:${password}`, LOGIN) ? name : undefined);
  const app = authorizationPage({ admin: ADMIN, service: SERVICE, provisionKey: PROVISION_KEY, logIn });
  app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/authorize`));
}
