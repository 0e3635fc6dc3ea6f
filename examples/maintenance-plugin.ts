/**
 * A plugin of one's own (docs/plugins.md): from one instant until another a route is closed, except for those who look
 * after it.
 *
 *   PORTCULLIS_PLUGIN_MODULES=examples/maintenance-plugin.ts portcullis start
 *   curl localhost:8001/services/orders/plugins -H 'Content-Type: application/json' \
 *        -d '{"name": "maintenance", "config": {"from": 1795600000, "until": 1795603600, "except": ["ops"]}}'
 */
import { errorResponse, type Plugin } from 'portcullis';

interface Settings {
  readonly from: number;
  readonly until: number;
  readonly except: readonly string[] | null;
}

export const plugin: Plugin = {
  name: 'maintenance',
  // Below the plugins that say who calls (1000 and more), above those that count calls (910).
  priority: 930,
  authenticates: false,
  fields: {
    config: {
      type: 'record',
      required: true,
      fields: {
        from: { type: 'integer', required: true, description: 'Seconds since the epoch.' },
        until: { type: 'integer', required: true, description: 'Seconds since the epoch.' },
        except: { type: 'array', elements: { type: 'string' }, description: 'Names of consumers that may pass.' },
      },
      check: ({ from, until }) => (Number(from) < Number(until) ? undefined : 'until has to come after from'),
    },
  },
  compile(config, _place, { now }) {
    const { from, until, except } = config as unknown as Settings;
    return {
      access(exchange) {
        const seconds = Math.floor(now() / 1000);
        if (seconds < from || seconds >= until) return undefined;
        if (except?.includes(exchange.identity?.consumer?.username ?? '')) return undefined;
        exchange.refusal = 'x-maintenance';
        const headers = [['Retry-After', String(until - seconds)]] as const;
        return errorResponse(exchange.request, 503, 'Closed for maintenance', { headers });
      },
    };
  },
};
