import { Parent, ResolveField, Resolver } from '@nestjs/graphql';
import { DatasetType, FindDataset, shardIdOf } from '../catalog/index.js';
import { FindBalance } from './ledger/balance.js';
import { addLoss, epsilonOfLoss } from './ledger/loss.js';
import { familiesOf } from './ledger/shard-families.js';
import { PrivacyBalanceType } from './privacy.types.js';

@Resolver(() => DatasetType)
export class PrivacyResolver {
  constructor(
    private readonly balances: FindBalance,
    private readonly datasets: FindDataset,
  ) {}

  @ResolveField(() => PrivacyBalanceType, {
    description: 'What private runs have taken of its shards, and what its terms give.',
  })
  async privacyBalance(@Parent() { id }: DatasetType): Promise<PrivacyBalanceType> {
    const { offer, manifest, terms } = await this.datasets.byKeyId(id);
    const wanted = manifest.pieces.map(shardIdOf);
    const families = familiesOf(await this.datasets.shardsOfVersions(offer), wanted);
    const shards = await this.balances.ofFamilies(families, wanted);
    const { budget } = terms.privacy;
    return {
      budgetEpsilon: budget?.epsilon ?? null,
      delta: budget?.delta ?? null,
      takenEpsilon:
        budget === undefined
          ? null
          : Math.max(...shards.map(({ spent, reserved }) => epsilonOfLoss(addLoss(spent, reserved), budget.delta))),
      shards,
    };
  }
}
