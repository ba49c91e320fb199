import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/index.js';
import { FindBalance } from './ledger/balance.js';
import { PrivacyResolver } from './privacy.resolver.js';

export { PrivacyResolver };

/** A door of its own: what computes privacy (`index.ts`) goes into the CLI, which needs no server. */
@Module({ imports: [CatalogModule], providers: [FindBalance, PrivacyResolver] })
export class PrivacyModule {}
