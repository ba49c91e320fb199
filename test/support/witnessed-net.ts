import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createWalletClient, http, keccak256, publicActions, stringToBytes } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { signerSetDigest, type Address, type Deployed } from '../../src/kernel/index.js';
import { anchorWhenDue, type LogClient } from '../../src/provenance/index.js';
import { logAnchorAbi } from '../../web3/chain/abi/log-anchor.js';
import { createAnchorChain } from '../../web3/chain/anchor-chain.js';
import { DEVNET_CHAIN_ID, startAnvil, type Anvil } from '../../web3/devnet/anvil.js';
import { deployContracts } from '../../web3/devnet/deploy.js';
import type { EmbeddedPostgres } from '../../web3/devnet/postgres.js';
import { freePort, type Service } from '../../web3/devnet/service.js';
import { query } from './log-net.js';
import { networkOf, testLog, type LogProcess, type NetworkFacts, type TestLog } from './log-process.js';
import { startTestPostgres } from './postgres.js';
import { testWitnesses, type TestWitness } from './witness-net.js';

/** A log with an empty database, a LogAnchor, and three witnesses of which two must cosign. */
export interface WitnessedLog {
  log: TestLog;
  anchor: Deployed;
  facts: NetworkFacts;
  witnesses: [TestWitness, TestWitness, TestWitness];
  databaseUrl: string;
  start(databaseUrl?: string): Promise<LogProcess>;
}

/** PostgreSQL and a chain for logs with witnesses; whatever was started on it is stopped with it. */
export class WitnessedNet {
  readonly running: Service[] = [];
  /** Of logs; names of databases and folders end in it. */
  made = 0;
  private readonly deployer = privateKeyToAccount(generatePrivateKey());

  private constructor(
    readonly dir: string,
    private readonly postgres: EmbeddedPostgres,
    private readonly anvil: Anvil,
  ) {}

  static async start(): Promise<WitnessedNet> {
    const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-witnessed-'));
    const postgres = await startTestPostgres(path.join(dir, 'pg'), await freePort());
    const anvil = await startAnvil({ dir: path.join(dir, 'anvil'), port: await freePort(), blockTimeSeconds: 0 });
    return new WitnessedNet(dir, postgres, anvil);
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.map(async (service) => service.stop()));
    await this.anvil.stop();
    await this.postgres.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async newLog(): Promise<WitnessedLog> {
    const own = path.join(this.dir, `net_${++this.made}`);
    const log = testLog(own);
    const witnesses = (await testWitnesses(own)) as WitnessedLog['witnesses'];
    const { rpcUrl } = this.anvil;
    const signers = witnesses.map(({ address }) => address);
    const anchor = { chainId: DEVNET_CHAIN_ID, contract: await this.deployAnchor(signers, 2, log.origin) };
    for (const witness of witnesses) {
      await witness.start([{ origin: log.origin, vkeys: [log.vkey], anchor }]);
      this.running.push(witness);
    }
    const members = witnesses.map(({ member }) => member);
    const facts = { rpcUrl, chainId: DEVNET_CHAIN_ID, logAnchor: anchor.contract, witnesses: { quorum: 2, members } };
    log.publish(facts);
    const databaseUrl = await this.newDatabase(`witnessed_${this.made}`);
    const start = async (url = databaseUrl): Promise<LogProcess> => {
      const process = await log.start(url, { env: { LOG_CHECKPOINT_MS: '200' } });
      this.running.push(process);
      return process;
    };
    return { log, anchor, facts, witnesses, databaseUrl, start };
  }

  async newDatabase(name: string, template = 'template1'): Promise<string> {
    await query(this.postgres.url('postgres'), `CREATE DATABASE ${name} TEMPLATE ${template}`);
    return this.postgres.url(name);
  }

  chain() {
    return createWalletClient({ account: this.deployer, transport: http(this.anvil.rpcUrl) }).extend(publicActions);
  }

  /** A LogAnchor with nothing in it; one signer whom nobody knows, unless they are named. */
  async deployAnchor(
    anchorSigners: Address[] = [this.deployer.address],
    quorum = 1,
    logOrigin = 'log.example/test',
  ): Promise<Address> {
    const { rpcUrl } = this.anvil;
    const market = { treasury: this.deployer.address, protocolFeeBps: 0 };
    const options = { rpcUrl, deployer: this.deployer, anchorSigners, quorum, logOrigin, ...market };
    return (await deployContracts(options)).logAnchor;
  }

  /** Anchors the log's newest checkpoint if it is due. @returns its size */
  async anchor(client: LogClient, { facts, log }: WitnessedLog, everyMs = 0): Promise<number | undefined> {
    const network = networkOf(facts, log.origin, log.vkey);
    return anchorWhenDue(client, createAnchorChain({ network, account: this.deployer }), everyMs);
  }

  /** `LogAnchor.changeSigners`, signed by some of the present witnesses. */
  async changeSigners(
    { log, anchor, facts }: WitnessedLog,
    by: TestWitness[],
    to: { witnesses: TestWitness[]; nonce: bigint; quorum: number },
  ): Promise<void> {
    const signers = to.witnesses.map(({ address }) => address);
    const origin = keccak256(stringToBytes(log.origin));
    const hash = signerSetDigest(anchor, { origin, nonce: to.nonce, signers, quorum: to.quorum });
    const signatures = await Promise.all(ascending(by).map(async ({ account }) => account.sign({ hash })));
    const contract = { address: facts.logAnchor, abi: logAnchorAbi, chain: null } as const;
    const args = [signers, to.quorum, signatures] as const;
    const sent = await this.chain().writeContract({ ...contract, functionName: 'changeSigners', args });
    const { status } = await this.chain().waitForTransactionReceipt({ hash: sent });
    if (status !== 'success') throw new Error('the change of signers was reverted');
  }
}

/** As LogAnchor wants its signers. */
export function ascending(witnesses: TestWitness[]): TestWitness[] {
  return witnesses.toSorted((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
}
