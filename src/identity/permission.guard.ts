import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { forbidden, mayAsk, unauthenticated, type Permission } from './permissions.js';
import { requestContextOf } from './current-viewer.js';

const PERMISSION = 'weighbridge:permission';

/** Names the permission that a resolver or a route is under. One without it answers nobody. */
export const Requires = (permission: Permission): MethodDecorator => SetMetadata(PERMISSION, permission);

/** Stands before every resolver and route of the API: deny by default. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const permission = this.reflector.get<Permission | undefined>(PERMISSION, context.getHandler());
    const { viewer } = requestContextOf(context);
    if (mayAsk(viewer, permission)) return true;
    throw permission !== undefined && viewer === undefined ? unauthenticated() : forbidden(permission ?? 'none');
  }
}
