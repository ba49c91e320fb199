import { Controller, Get, Header, Injectable } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { Requires } from '../identity/index.js';
import { DatabasePool } from '../platform/index.js';
import { JobQueries } from '../training/index.js';

/** What Prometheus reads of this process. A registry of its own, so that two apps in one process do not meet. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Histogram({
    name: 'weighbridge_http_request_duration_seconds',
    help: 'Time from request to response.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });

  constructor(jobs: JobQueries, pool: DatabasePool) {
    collectDefaultMetrics({ register: this.registry });
    this.registry.registerMetric(jobsGauge(jobs));
    this.registry.registerMetric(outboxGauge(pool));
  }

  /** Times every request, under its route: an id in a path makes no new series. */
  install(app: NestFastifyApplication): void {
    const fastify = app.getHttpAdapter().getInstance();
    fastify.addHook('onResponse', async (request, reply) => {
      const route = request.routeOptions.url ?? 'none';
      const labels = { method: request.method, route, status: String(reply.statusCode) };
      this.requests.observe(labels, reply.elapsedTime / 1000);
    });
  }
}

function jobsGauge(jobs: JobQueries): Gauge {
  return new Gauge({
    name: 'weighbridge_jobs',
    help: 'Jobs in each state.',
    labelNames: ['state'],
    registers: [],
    async collect() {
      for (const [state, count] of Object.entries(await jobs.countByState())) this.set({ state }, count);
    },
  });
}

function outboxGauge(pool: DatabasePool): Gauge {
  return new Gauge({
    name: 'weighbridge_outbox_messages',
    help: 'Messages that the queue does not have yet.',
    registers: [],
    async collect() {
      const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM outbox');
      this.set(rows[0]?.count ?? 0);
    },
  });
}

@Controller()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Requires('health.read')
  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4')
  async scrape(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
