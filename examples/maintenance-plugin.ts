/**
 * A plugin of your own (docs/plugins.md): closes a route from one time until another, except for the listed consumers.
 *
 *   PORTCULLIS_PLUGIN_MODULES=examples/maintenance-plugin.ts portcullis start
 *   curl localhost:8001/services/orders/plugins -H 'Content-Type: application/json' \
 *        -d '{"name": "maintenance", "config": {"from": 1795600000, "until": 1795603600, "except": ["ops"]}}'
 */
import { definePlugin, errorResponse } from 'portcullis';

export const plugin = definePlugin({
  name: 'maintenance',
  // Lower than the plugins that authenticate (1000 and more), higher than rate-limiting (910).
  priority: 930,
  authenticates: false,
  settings: {
    from: { type: 'integer', required: true, description: 'Seconds since the epoch.' },
    until: { type: 'integer', required: true, description: 'Seconds since the epoch.' },
    except: { type: 'array', elements: { type: 'string' }, description: 'Usernames of consumers that may pass.' },
  },
  settingsRules: {
    check: ({ from, until }) => (Number(from) < Number(until) ? undefined : 'until must be later than from'),
  },
  // The types of the settings follow from their description: `except` is `readonly string[] | null`.
  compile({ from, until, except }, _place, { now }) {
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
});
