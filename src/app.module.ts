import { Module, type DynamicModule } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { AccessModule } from './access/index.js';
import { AuditModule } from './audit/index.js';
import { CatalogModule } from './catalog/index.js';
import { IdentityModule } from './identity/index.js';
import { PlatformModule, type PlatformOptions } from './platform/index.js';
import { PrivacyModule } from './privacy/privacy.module.js';
import { graphqlModule, loggingOptions, ServerModule } from './server/index.js';
import { StorageModule } from './storage/watch/index.js';
import { TrainingModule } from './training/index.js';

/** The API: every module that answers requests. Workers are another composition of the same modules. */
@Module({})
export class AppModule {
  static forRoot(options: PlatformOptions & { logLevel: string }): DynamicModule {
    return {
      module: AppModule,
      imports: [
        LoggerModule.forRoot(loggingOptions(options.logLevel)),
        PlatformModule.forRoot(options),
        graphqlModule(),
        IdentityModule,
        StorageModule,
        CatalogModule,
        PrivacyModule,
        AccessModule,
        TrainingModule,
        AuditModule,
        ServerModule,
      ],
    };
  }
}
