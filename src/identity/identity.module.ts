import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { IdentityRepository } from './identity.repository.js';
import { IdentityResolver } from './identity.resolver.js';
import { PermissionGuard } from './permission.guard.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';

@Module({
  providers: [
    IdentityRepository,
    IdentityResolver,
    Sessions,
    SignIn,
    { provide: APP_GUARD, useClass: PermissionGuard },
  ],
  exports: [Sessions],
})
export class IdentityModule {}
