import { Inject } from '@nestjs/common';
import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import type { Network } from '../kernel/index.js';
import { NETWORK } from '../platform/index.js';
import { CurrentViewer } from './current-viewer.js';
import { Role, SessionType, ViewerType } from './identity.types.js';
import { Requires } from './permission.guard.js';
import { assertAllowed, isAllowed } from './permissions.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';
import type { Viewer } from './viewer.js';

@Resolver()
export class IdentityResolver {
  constructor(
    private readonly signInWithEthereum: SignIn,
    private readonly sessions: Sessions,
    @Inject(NETWORK) private readonly network: Network,
  ) {}

  @Requires('viewer.read')
  @Query(() => ViewerType, { nullable: true, description: 'Who is signed in; null for nobody.' })
  viewer(@CurrentViewer() viewer: Viewer | undefined): ViewerType | null {
    if (viewer === undefined) return null;
    const isOperator = isAllowed(viewer, 'job.read', { operator: this.network.operator });
    const roles = [Role.BUYER, Role.SELLER, ...(isOperator ? [Role.OPERATOR] : [])];
    return { address: viewer.address, roles };
  }

  @Requires('session.open')
  @Mutation(() => String, { description: 'A nonce for one sign-in message, good for ten minutes.' })
  async createNonce(): Promise<string> {
    return this.signInWithEthereum.createNonce();
  }

  @Requires('session.open')
  @Mutation(() => SessionType, {
    description:
      'Sign-In with Ethereum (ERC-4361). The message names the domain of this API, its chain and a fresh nonce.',
  })
  async signIn(
    @Args('message', { description: 'The message as signed.' }) message: string,
    @Args('signature', { description: 'EIP-191 signature over it, hex.' }) signature: string,
  ): Promise<SessionType> {
    return this.signInWithEthereum.signIn(message, signature);
  }

  @Requires('session.close')
  @Mutation(() => Boolean, { description: 'Ends the session at once. True if it was there.' })
  async signOut(@CurrentViewer() viewer: Viewer | undefined): Promise<boolean> {
    assertAllowed(viewer, 'session.close');
    return this.sessions.close(viewer);
  }
}
