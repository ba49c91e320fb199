import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isAddressEqual, recoverMessageAddress } from 'viem';
import { parseSiweMessage, type SiweMessage } from 'viem/siwe';
import { WeighbridgeError, type ErrorCode, type Hex, type Network } from '../kernel/index.js';
import { NETWORK } from '../platform/index.js';
import { IdentityRepository } from './identity.repository.js';
import { Sessions, type OpenedSession } from './sessions.js';

const NONCE_MS = 10 * 60 * 1000;
/** How far a caller's clock may run ahead. */
const CLOCK_SKEW_MS = 60 * 1000;
const MAX_MESSAGE_CHARS = 4_000;

/** Sign-In with Ethereum (ERC-4361), bound to this API's domain and this deployment's chain. */
@Injectable()
export class SignIn {
  constructor(
    private readonly repository: IdentityRepository,
    private readonly sessions: Sessions,
    @Inject(NETWORK) private readonly network: Network,
  ) {}

  /** A nonce to put in a message within ten minutes. */
  async createNonce(): Promise<string> {
    const nonce = randomBytes(16).toString('hex');
    await this.repository.addNonce(nonce, new Date(Date.now() + NONCE_MS));
    return nonce;
  }

  /**
   * Opens a session for the address that signed the message. The nonce is used up last: only who holds the key can spend
   * it, and of two that replay a message one gets in.
   * @throws WeighbridgeError BAD_INPUT, UNAUTHENTICATED (another domain, too old, too early), WRONG_CHAIN, BAD_SIGNATURE,
   *   NONCE_USED
   */
  async signIn(text: string, signature: string): Promise<OpenedSession> {
    const now = new Date();
    const message = parseMessage(text);
    this.assertBound(message);
    assertTimely(message, now);
    await assertSigned(text, signature, message);
    if (!(await this.repository.useNonce(message.nonce, now))) {
      throw refused('NONCE_USED', 'the nonce is unknown, too old or used', 'Call createNonce and sign a new message.');
    }
    return this.sessions.open(message.address);
  }

  /** A message that another site asked for must not open a session here (phishing), nor one for another deployment. */
  private assertBound({ domain, uri, chainId, version }: SiweMessage): void {
    const api = new URL(this.network.apiUrl);
    if (version !== '1') throw refused('BAD_INPUT', 'the message is not of version 1', 'Send an ERC-4361 message.');
    if (domain !== api.host || URL.parse(uri)?.host !== api.host) {
      throw refused('UNAUTHENTICATED', 'the message is for another site', `Sign a message for ${api.host}.`);
    }
    if (chainId !== this.network.chainId) {
      const next = `Sign a message for chain ${this.network.chainId}.`;
      throw refused('WRONG_CHAIN', `the message is for chain ${chainId}`, next);
    }
  }
}

function parseMessage(text: string): SiweMessage {
  const message = text.length <= MAX_MESSAGE_CHARS ? parseSiweMessage(text) : {};
  const { address, domain, uri, chainId, nonce, issuedAt } = message;
  const complete = [address, domain, uri, chainId, nonce, issuedAt].every((field) => field !== undefined);
  if (!complete) throw refused('BAD_INPUT', 'not an ERC-4361 message', 'Build it as ERC-4361 says, fields in order.');
  return message as SiweMessage;
}

/** A time that does not parse is NaN, and every comparison with it false: so each test asks for what must hold. */
function assertTimely({ issuedAt, expirationTime, notBefore }: SiweMessage, now: Date): void {
  const issued = issuedAt?.getTime() ?? Number.NaN;
  const issuedLately = issued <= now.getTime() + CLOCK_SKEW_MS && issued > now.getTime() - NONCE_MS - CLOCK_SKEW_MS;
  const notExpired = expirationTime === undefined || expirationTime.getTime() > now.getTime();
  const begun = notBefore === undefined || notBefore.getTime() <= now.getTime() + CLOCK_SKEW_MS;
  if (issuedLately && notExpired && begun) return;
  throw refused('UNAUTHENTICATED', 'the message is not valid at this time', 'Sign a new message; check your clock.');
}

async function assertSigned(text: string, signature: string, { address }: SiweMessage): Promise<void> {
  const signer = await recoverMessageAddress({ message: text, signature: signature as Hex }).catch(() => undefined);
  if (signer !== undefined && isAddressEqual(signer, address)) return;
  throw refused('BAD_SIGNATURE', `the message is not signed by ${address}`, 'Sign it with the key of that address.');
}

function refused(code: ErrorCode, message: string, next: string): WeighbridgeError {
  return new WeighbridgeError(code, message, { next });
}
