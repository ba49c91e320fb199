import { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { WeighbridgeError } from '../kernel/index.js';
import { isUnexpected, toPublicError } from './public-error.js';

const coded = (code: string): Error => Object.assign(new Error(`at 10.0.0.7 as admin: ${code}`), { code });

describe('toPublicError', () => {
  it('says what was written for the caller', () => {
    const error = new WeighbridgeError('BAD_PRICE', 'not a price', {
      next: 'Give one.',
      details: { a: 1 },
      cause: coded('x'),
    });
    const expected = { code: 'BAD_PRICE', message: 'not a price', next: 'Give one.', details: { a: 1 } };
    expect(toPublicError(error, 'r1')).toEqual(expected);
    expect(toPublicError(new GraphQLError('wrapped', { originalError: error }), 'r1')).toEqual(expected);
    expect(isUnexpected(error)).toBe(false);
  });

  it('tells when trying again may help', () => {
    const error = new WeighbridgeError('LOG_UNAVAILABLE', 'away', { next: 'Wait.', retryable: true });
    expect(toPublicError(error, 'r1').details).toEqual({ retryable: true });
  });

  it.each(['ECONNREFUSED', '57P01', '08006', 'P1001'])(
    'calls a lost connection (%s) unavailable, and logs it',
    (code) => {
      const error = coded(code);
      expect(toPublicError(error, 'r1')).toMatchObject({ code: 'UNAVAILABLE', details: { retryable: true } });
      expect(isUnexpected(error)).toBe(true);
    },
  );

  it.each([new TypeError('x is undefined'), coded('23505'), coded('P2002'), 'a string', null, undefined, { code: 7 }])(
    'shows nothing of %s but the request id',
    (error) => {
      const shown = toPublicError(error, 'r1');
      expect(shown).toMatchObject({ code: 'INTERNAL', details: { requestId: 'r1' } });
      expect(JSON.stringify(shown)).not.toMatch(/undefined|10\.0\.0\.7|admin|string/);
      expect(isUnexpected(error)).toBe(true);
    },
  );
});
