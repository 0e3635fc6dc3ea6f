/** A minimal browser for pages with forms: it keeps cookies and submits the forms of the pages it opened. */
export interface Form {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Shown {
  readonly status: number;
  readonly headers: Headers;
  readonly location: string | undefined;
  readonly body: string;
  readonly form: Form | undefined;
}

export interface Browser {
  /** `path`, or a whole URL of the same site. */
  open(path: string): Promise<Shown>;
  submit(form: Form, filledIn: Readonly<Record<string, string>>): Promise<Shown>;
  /** Opens `path` and submits the login form there. */
  logIn(path: string, credentials: Readonly<Record<string, string>>): Promise<Shown>;
}

export function browser(site: string): Browser {
  const cookies = new Map<string, string>();
  async function call(path: string, init: RequestInit = {}): Promise<Shown> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, site), {
      ...init,
      redirect: 'manual',
      headers: cookie === '' ? {} : { Cookie: cookie },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      cookies.set(name!, value!);
    }
    const body = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      location: response.headers.get('location') ?? undefined,
      body,
      form: formIn(body),
    };
  }
  const open = (path: string) => call(path);
  const submit = (form: Form, filledIn: Readonly<Record<string, string>>) =>
    call(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, ...filledIn }) });
  return { open, submit, logIn: async (path, credentials) => submit((await open(path)).form!, credentials) };
}

function formIn(html: string): Form | undefined {
  const action = /<form[^>]* action="([^"]*)"/.exec(html)?.[1];
  if (action === undefined) return undefined;
  const hidden = html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  return { action, fields: Object.fromEntries([...hidden].map(([, name, value]) => [text(name!), text(value!)])) };
}

function text(html: string): string {
  return html.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
