/** Starts the programs that the benchmarks compare: nginx, and the gate with its Admin API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Starts nginx with one process. `http`: the content of its http block. */
export async function startNginx(directory: string, port: number, http: string, core?: number): Promise<ChildProcess> {
  const configuration = join(directory, 'nginx.conf');
  writeFileSync(
    configuration,
    `daemon off; master_process off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
     events { worker_connections 1024; }
     http {
       access_log off; keepalive_requests 1000000;
       client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
       uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
       ${http}
     }`,
  );
  const child = started(['nginx', '-c', configuration], core);
  await untilListening(port);
  return child;
}

export interface StartedGate {
  readonly child: ChildProcess;
  /** Makes an entity through the Admin API. */
  readonly create: (path: string, body: unknown) => Promise<void>;
}

export async function startGate(
  directory: string,
  port: number,
  adminPort: number,
  core?: number,
): Promise<StartedGate> {
  const child = started([process.execPath, join(import.meta.dirname, '../bin/portcullis.js'), 'start'], core, {
    PORTCULLIS_STORE: `lmdb:${join(directory, 'store')}`,
    PORTCULLIS_STATE_DIR: directory,
    PORTCULLIS_KEY: 'ab'.repeat(32),
    PORTCULLIS_PROXY_LISTEN: `127.0.0.1:${port}`,
    PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    PORTCULLIS_LOG_LEVEL: 'error',
  });
  await untilListening(port);
  await untilListening(adminPort);
  return {
    child,
    create: async (path, body) => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    },
  };
}

function started(command: readonly string[], core: number | undefined, environment = {}): ChildProcess {
  const [program, ...args] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  return spawn(program!, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}
