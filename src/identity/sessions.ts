import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { sha256Hex, utf8, type Address } from '../kernel/index.js';
import { IdentityRepository } from './identity.repository.js';
import type { Viewer } from './viewer.js';

export const SESSION_MS = 60 * 60 * 1000;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface OpenedSession {
  /** 256 random bits. Only its digest is stored, so it is shown this once. */
  token: string;
  address: Address;
  expiresAt: Date;
}

@Injectable()
export class Sessions {
  constructor(private readonly repository: IdentityRepository) {}

  async open(address: Address): Promise<OpenedSession> {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = new Date(Date.now() + SESSION_MS);
    await this.repository.addSession(digestOf(token), lower(address), expiresAt);
    return { token, address, expiresAt };
  }

  /** Who an `Authorization` header signs in; undefined for none, an unknown and an ended session alike. */
  async viewerOf(authorization: unknown): Promise<Viewer | undefined> {
    const token = typeof authorization === 'string' ? /^Bearer (\S+)$/.exec(authorization)?.[1] : undefined;
    if (token === undefined || !TOKEN.test(token)) return undefined;
    const sessionDigest = digestOf(token);
    const address = await this.repository.findSession(sessionDigest, new Date());
    return address === undefined ? undefined : { address, sessionDigest };
  }

  /** True if there was a session to close. */
  async close(viewer: Viewer): Promise<boolean> {
    return this.repository.removeSession(viewer.sessionDigest);
  }
}

function digestOf(token: string): string {
  return sha256Hex(utf8(token));
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address;
}
