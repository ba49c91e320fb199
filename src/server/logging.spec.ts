import { pino } from 'pino';
import type { Options } from 'pino-http';
import { describe, expect, it } from 'vitest';
import { loggingOptions } from './logging.js';

describe('logging', () => {
  it('writes no secret, at any depth that a request can put it', () => {
    const lines: string[] = [];
    const { redact, serializers, level } = loggingOptions('info').pinoHttp as Options;
    const logger = pino({ redact, serializers, level }, { write: (line: string) => void lines.push(line) });
    const secret = 'a-very-secret-value';
    logger.info({ token: secret, input: { signature: secret, body: { offerSignature: secret } } }, 'one');
    logger.info({ a: { b: { c: { authorization: secret } } }, cookie: secret, details: { purpose: secret } }, 'two');
    const req = { id: '1', method: 'POST', url: `/graphql?query=${secret}`, headers: { authorization: secret } };
    logger.info({ req, res: { statusCode: 200, headers: { 'set-cookie': secret } } }, 'three');
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toContain(secret);
    expect(lines.join('')).toContain('"path":"/graphql"');
  });
});
